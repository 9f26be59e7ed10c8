#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Each command that writes migrates what a build with ABI 1 attached, under load and on both
# hooks. No flow fails and no packet bypasses the relay. Policy, interfaces, counters, sockets and
# the previous policy are kept. If the migration is killed, the next command completes it.
TEST_LIMIT=400
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/soak.sh
. "$TOP/tests/lib/soak.sh"
# shellcheck source=tests/lib/abi.sh
. "$TOP/tests/lib/abi.sh"
# shellcheck source=tests/lib/migrate.sh
. "$TOP/tests/lib/migrate.sh"

prepare nginx
abi_build 1
migrate_prepare

for hook in $HOOKS; do
	kept "$hook: attach" loader attach r0
	kept "$hook: apply" loader apply "$WORK/saved.conf"
done
kept "clsact: watch" run_watch
kept "clsact: an edit" loader port add --rule web tcp/81
hook=${HOOKS##* }

# --- who only reads, and who is not to change anything ---
do_ok "ABI 1 is attached" old_attach "$hook"
refuses "status says what to do" 1 'ABI 1, this loader has 3 .tproxy-loader attach IF, or watch, migrates' loader status
refuses "rule list does too" 1 'ABI 1, .* migrates' loader rule list
refuses "a dry run does not migrate" 1 'ABI 1, .*attach IF' loader attach r0 --dry-run
refuses "nor does --show-bpftool" 1 'ABI 1, .*attach IF' loader port add --rule web tcp/82 --show-bpftool
is "nothing has changed" "$(abi)" 1
is "the old loader reads it as before" "$(loader_json "$OLD_LOADER" "len(o['rules'])" status)" 2

# --- what somebody took away meanwhile ---
r ip -4 rule del pref 150 iif r0
r ip -6 route flush table 15001
migrates "confirm" loader confirm
like "the missing rule is added" "$(r ip -4 rule)" 'iif r0 lookup 15001'
like "and the missing route" "$(r ip -6 route show table 15001)" 'local default'
ok "flows are relayed" recorded $SERVER6
do_ok "detach of one" loader detach r1
do_ok "detach of the other" loader detach r0
do_ok "detach --all" loader detach --all
unchanged "nothing is left" "$WORK/clean"

# --- detach alone ---
do_ok "ABI 1 is attached" old_attach "$hook"
migrates "detach of one" loader detach r1
is "the other is still attached" "$(loader_json "$LOADER" "[i['name'] for i in o['interfaces']]" status)" "['r0']"
do_ok "detach --all" loader detach --all
unchanged "nothing is left" "$WORK/clean"

# --- detach --keep-flows of the old build waits for the last flow ---
do_ok "ABI 1 is attached" old_attach "$hook"
soak_load drain forever -- $SERVER4
flow_runs() { [[ -n $(r ss -Htn state established "dport = :7007") ]]; }
ok "a flow runs" wait_for 20 flow_runs
do_ok "it drains" old_loader detach r0 --keep-flows
do_ok "migrated meanwhile" loader confirm
like "with a hint" "$ERR" 'warning: r0: no process waits for its last flow any more .*--keep-flows r0'
do_ok "which works" loader detach r0 r1 --keep-flows
soak_stop
gone() { [[ $(loader_json "$LOADER" "len(o['interfaces'])" status 2>/dev/null) == 0 ]]; }
ok "the last flow ends, and both are detached" wait_for 30 gone
do_ok "detach --all" loader detach --all
unchanged "nothing is left" "$WORK/clean"

# --- with the least rights: no map can be opened by its id ---
migrated_with_least_rights "$hook"
like "without the flows that began at a proxy, and reports it" "$ERR" 'warning: .*no longer known which TCP flows'
like "without the previous policy, and reports it" "$ERR" 'warning: .*there is no rollback'
is "with the same rules" "$(rules "$LOADER")" "$was_rules"
is "which were applied, and edited" "$(loader_json "$LOADER" "(o['applied'], o['drift'] > 0)" status)" "(True, True)"
refuses "rollback reports it" 1 'no previous policy' loader rollback
ok "flows are relayed" recorded $SERVER6
do_ok "a policy is applied" loader apply "$WORK/before.conf"
do_ok "and there is a previous policy" loader rollback
is "to the rules of before" "$(rules "$LOADER")" "$was_rules"
do_ok "detach --all" loader detach --all
unchanged "nothing is left" "$WORK/clean"

# --- the bit next to the mark is somebody else's ---
do_ok "ABI 1 is attached" old_attach "$hook"
r ip rule add pref 700 fwmark 0x8000000/0x8000000 lookup 700
do_ok "it is migrated nevertheless" loader confirm
like "with a warning" "$ERR" 'warning: mark 0x8000000: rule 700 .*is not carried'
is "and without the second bit" "$(loader_json "$LOADER" "o['df_mark']" status)" 0
r ip rule del pref 700
do_ok "detach --all" loader detach --all

# --- a policy that waits to be confirmed falls back ---
do_ok "ABI 1 is attached" old_attach "$hook"
printf '[rule short]\nports = 80\n' >"$WORK/short.conf"
do_ok "a policy for a time" old_loader apply "$WORK/short.conf" --confirm-within 6s
migrates "attach within the time" loader attach r0
fell_back() { [[ $(loader_json "$LOADER" "[r['name'] for r in o['rules']]" rule list) == "['never', 'web']" ]]; }
ok "it falls back by itself" wait_for 30 fell_back
do_ok "detach --all" loader detach --all
unchanged "nothing is left" "$WORK/clean"

# --- not ours to migrate ---
set_abi() {
	# shellcheck disable=SC2046 # one argument a byte
	bpftool map update pinned "$PINS/config" key 0 0 0 0 value "$1" $(bpftool -j map dump pinned \
		"$PINS/config" | json_value "' '.join(str(int(b, 16)) for b in o[0]['value'][1:])")
}
do_ok "ABI 1 is attached" old_attach "$hook"
set_abi 4
refuses "a newer ABI is refused" 1 'ABI 4, this loader has 3 .use the loader that' loader attach r0
refuses "by readers too" 1 'ABI 4, this loader has 3' loader status
set_abi 1
mv "$PINS/src6" "$PINS/internal/lost"
refuses "a state that misses a pin is broken" 1 'src6 is missing' loader attach r0
do_ok "clean removes it" loader clean
unchanged "nothing is left" "$WORK/clean"

# --- killed half-way ---
killed_anywhere "$hook"
do_ok "detach --all" loader detach --all
unchanged "nothing is left" "$WORK/clean"
finish
