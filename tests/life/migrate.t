#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What the build with ABI 1 attached is migrated by each command that writes, under load and on
# both hooks: no flow fails, no packet goes past, policy, interfaces, counters, sockets and the
# way back are kept; killed half-way, the next command does it.
TEST_LIMIT=400
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/soak.sh
. "$TOP/tests/lib/soak.sh"
# shellcheck source=tests/lib/abi1.sh
. "$TOP/tests/lib/abi1.sh"

STAGE=${PINS}_stage
POOL4=10.77.1.101

abi() { bpftool -j map dump pinned "$PINS/config" | json_value "int(o[0]['value'][0], 16)"; }
loader_json() { "$1" -n "$ROUTER" -j "${@:3}" | json_value "$2"; }
rules() { # LOADER — without their counters, and without what the other has not
	loader_json "$1" "[{k: v for k, v in sorted(r.items()) if k not in ('flows', 'packets', 'bytes', 'unrouted')} for r in o['rules']]" rule list
}
rule_flows() { loader_json "$1" "sum(r['flows'] for r in o['rules'])" rule list; }
view() { # LOADER — what status says and a migration must not change
	loader_json "$1" "(o['interfaces'], o['generation'], o['mark'], o['table'], o['relay'], o['pools'], o['applied'], o['sk_lookup'])" status
}
steered() { loader_json "$1" "o['counters']['steered']" status; }
sockets() { stat -c %i "$PINS/socks"; }
routing() { r ip -4 rule; r ip -6 rule; r ip -4 route show table 15001; r ip -6 route show table 15001; }
registrations() { grep -c 'registered in' "$RELAY_LOG"; }

cat >"$WORK/before.conf" <<-CONF
	[loader]
	interfaces = r0
	divert = r1
	[rule web]
	ports = 80 7007 udp/7007
CONF
cat >"$WORK/now.conf" <<-CONF
	[loader]
	interfaces = r0
	divert = r1
	[rule never]
	interface = r0 nosuch*
	from = 10.77.1.77
	action = drop
	[rule web]
	to = 10.77.0.0/16 fd77::/16
	ports = 80 7007 udp/7007
	on-proxy-down = reset
	[pool gate]
	$POOL4:8000 = $SERVER4:80
CONF

old_attach() { # HOOK — two policies, one after the other, and an edit by hand of the second
	old_loader attach r0 --hook "$1" --mark 0x4000000 &&
		old_loader attach r1 --divert-only --hook "$1" &&
		old_loader apply "$WORK/before.conf" && old_loader apply "$WORK/now.conf" &&
		old_loader port add --rule web tcp/81
}

migrates() { # NAME COMMAND… — and says so
	local name=$1
	shift

	do_ok "$name" "$@"
	like "$name: it migrates" "$ERR" "\[#\] migrate $PINS from ABI 1 to 3"
	unlike "$name: and warns of nothing" "$ERR" warning
	is "$name: the maps are of ABI 3" "$(abi)" 3
	ok "$name: no stage is left" test ! -e "$STAGE"
}

# kept NAME COMMAND… — under load
kept() {
	local name=$1 hook was_rules was_view was_steered was_flows was_socks was_routing
	shift

	hook=${name%%:*}
	do_ok "$name: ABI 1 is attached" old_attach "$hook"
	ok "$name: and relays" wait_for 10 recorded $SERVER4
	rm -f "$WORK/states"
	bypass_reset
	soak_state attached
	soak_load load new new new long forever udp -- $SERVER4 $SERVER6
	ok "$name: load is relayed" wait_for 20 soaked_more load 1 20
	old_loader save >"$WORK/saved.conf"
	was_rules=$(rules "$OLD_LOADER") was_view=$(view "$OLD_LOADER") was_socks=$(sockets)
	was_flows=$(rule_flows "$OLD_LOADER") was_steered=$(steered "$OLD_LOADER") was_routing=$(routing)
	migrates "$name" "$@"
	ok "$name: load is relayed after it" wait_for 20 soaked_more load 1 $(($(soaked load 1) + 20))
	soak_stop
	soak_judge "$name: no flow failed" load
	bypass_none "$name: no packet went past the relay"
	is "$name: the rules are the same" "$(rules "$LOADER")" "$was_rules"
	is "$name: interfaces, relay, pools and applied file are" "$(view "$LOADER")" "$was_view"
	is "$name: rules and routes are" "$(routing)" "$was_routing"
	is "$name: the sockets are where they were" "$(sockets)" "$was_socks"
	ok "$name: counters go on" test "$(steered "$LOADER")" -gt "$was_steered"
	ok "$name: those of rules too" test "$(rule_flows "$LOADER")" -gt "$was_flows"
	is "$name: the relay did not notice" "$(registrations)" "$((REGISTERED + 1))"
	REGISTERED=$(registrations)
	is "$name: an address of a pool is served" "$(c curl -sS -m 8 http://$POOL4:8000/whoami | cut -d' ' -f1)" "$ROUTER4"
	do_ok "$name: the way back is there" loader rollback
	is "$name: and leads to the policy before" "$(loader_json "$LOADER" "[r['name'] for r in o['rules']]" rule list)" "['web']"
	do_ok "$name: and forth" loader rollback
	is "$name: to the same rules" "$(rules "$LOADER")" "$was_rules"
	do_ok "$name: detach --all" loader detach --all
	unchanged "$name: leaves nothing" "$WORK/clean"
}

prepare nginx
abi1_build
soak_serve || fatal "the server starts"
r ip addr add $POOL4/32 dev r0
snapshot >"$WORK/clean"
ok "the relay of ABI 1 starts" old_relay_start -c "$WORK/now.conf"
REGISTERED=0
hooks=clsact
do_ok "attach" old_loader attach r0
[[ $(r python3 "$LIB/net.py" attached r0) == no-hook* ]] || hooks="clsact tcx"
ok "the relay registers" relay_says 'registered in'
REGISTERED=1
do_ok "detach" old_loader detach --all

run_watch() { # until it watches
	"$LOADER" -n "$ROUTER" watch >"$WORK/log/watch" 2>&1 </dev/null &
	local watch=$! rc

	disown "$watch"
	wait_for 20 grep -q watching "$WORK/log/watch"
	rc=$?
	stop "$watch"
	cat "$WORK/log/watch" >&2
	return "$rc"
}

for hook in $hooks; do
	kept "$hook: attach" loader attach r0
	kept "$hook: apply" loader apply "$WORK/saved.conf"
done
kept "clsact: watch" run_watch
kept "clsact: an edit" loader port add --rule web tcp/81
hook=${hooks##* }

# --- who only reads, and who is not to change anything ---
do_ok "ABI 1 is attached" old_attach "$hook"
refuses "status says what to do" 1 'ABI 1, this loader speaks 3 .tproxy-loader attach IF, or watch, migrates' loader status
refuses "so does rule list" 1 'ABI 1, .* migrates' loader rule list
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
like "with a hint" "$ERR" 'warning: r0: nobody waits for its last flow any more .*--keep-flows r0'
do_ok "which works" loader detach r0 r1 --keep-flows
soak_stop
gone() { [[ $(loader_json "$LOADER" "len(o['interfaces'])" status 2>/dev/null) == 0 ]]; }
ok "the last flow ends, and both are detached" wait_for 30 gone
do_ok "detach --all" loader detach --all
unchanged "nothing is left" "$WORK/clean"

# --- with the least rights: no map can be opened by its id ---
do_ok "ABI 1 is attached" old_attach "$hook"
was_rules=$(rules "$OLD_LOADER")
do_ok "attach without CAP_SYS_ADMIN" r setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin \
	"$LOADER" --pin-dir "$PINS" attach r0
like "it migrates" "$ERR" 'from ABI 1 to 3'
like "without the flows that began at a proxy, and says so" "$ERR" 'warning: .* were forgotten'
like "without the way back, and says so" "$ERR" 'warning: .*there is no rollback'
is "with the same rules" "$(rules "$LOADER")" "$was_rules"
is "which were applied, and edited" "$(loader_json "$LOADER" "(o['applied'], o['drift'] > 0)" status)" "(True, True)"
refuses "rollback says so" 1 'no policy before this one' loader rollback
ok "flows are relayed" recorded $SERVER6
do_ok "a policy is applied" loader apply "$WORK/before.conf"
do_ok "and there is a way back" loader rollback
is "to the rules of before" "$(rules "$LOADER")" "$was_rules"
do_ok "detach --all" loader detach --all
unchanged "nothing is left" "$WORK/clean"

# --- the bit next to the mark is somebody else's ---
do_ok "ABI 1 is attached" old_attach "$hook"
r ip rule add pref 700 fwmark 0x8000000/0x8000000 lookup 700
do_ok "it is migrated all the same" loader confirm
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
refuses "a newer ABI is refused" 1 'ABI 4, this loader speaks 3 .use the loader that' loader attach r0
refuses "by readers too" 1 'ABI 4, this loader speaks 3' loader status
set_abi 1
mv "$PINS/src6" "$PINS/internal/lost"
refuses "a state that misses a pin is broken" 1 'src6 is missing' loader attach r0
do_ok "clean removes it" loader clean
unchanged "nothing is left" "$WORK/clean"

# --- killed half-way ---
hit() { # CALL N — the migration is killed there; flows go on, and the next command does it
	strace -f -qq -o /dev/null -e trace="$1" -e "inject=$1:signal=KILL:when=$2" \
		"$LOADER" -n "$ROUTER" -q attach r0 >>"$WORK/log/killed" 2>&1
	is "killed at call $2 of $1" $? 137
	ok "flows are relayed all the same" recorded $SERVER4
	do_ok "the next attach ends it" loader attach r0
	is "the maps are of ABI 3" "$(abi)" 3
	is "the rules are there" "$(rules "$LOADER")" "$was_rules"
	ok "flows are relayed" recorded $SERVER6
	ok "no stage is left" test ! -e "$STAGE"
	do_ok "detach --all" loader detach --all
	snapshot_quick >"$WORK/now"
	same_text "nothing is left" "$WORK/quick" "$WORK/now"
	do_ok "ABI 1 is attached" old_attach "$hook"
}

do_ok "ABI 1 is attached" old_attach "$hook"
was_rules=$(rules "$OLD_LOADER")
strace -f -qq -e trace=bpf,link,renameat2,mkdir,unlink,rmdir -o "$WORK/trace" "$LOADER" -n "$ROUTER" -q attach r0
is "traced: it is migrated" "$(abi)" 3
do_ok "detach --all" loader detach --all
snapshot_quick >"$WORK/quick"
do_ok "ABI 1 is attached" old_attach "$hook"
# the last of loading, each that moves a program, some that pin, the exchange, some of the removal
points=$(awk '{ call = $2; sub(/\(.*/, "", call); n[call]++ }
	/BPF_PROG_LOAD/ { loaded = n["bpf"] }
	/BPF_LINK_UPDATE/ { print "bpf", n["bpf"] }
	/BPF_OBJ_PIN/ && !(pinned++ % 3) { print "bpf", n["bpf"] }
	call == "link" && !(linked++ % 9) { print "link", n[call] }
	call == "renameat2" { print "renameat2", n[call] }
	call == "unlink" && !(removed++ % 15) { print "unlink", n[call] }
	call == "rmdir" { print "rmdir", n[call] }
	END { print "bpf", loaded }' "$WORK/trace")
like "a migration makes such calls" "$(wc -l <<<"$points")" '^(1[0-9]|2[0-9])$'
while read -r call n; do
	hit "$call" "$n"
done <<<"$points"
do_ok "detach --all" loader detach --all
unchanged "nothing is left" "$WORK/clean"
finish
