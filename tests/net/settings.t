#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# `unreadable`, `unrouted` and what rules say of link-local destinations reach the maps by every
# way a policy becomes live, go back with it, and are shown by status, save, diff and rule list.
. "$(dirname "$0")/../lib/test.sh"

prepare

# struct tproxy_config: df_mark at 32, unreadable at 36, link_local at 37; struct tproxy_rule: unrouted at 28
config_bytes() { # FROM TO — as decimals
	bpftool -j map dump pinned "$PINS/config" | json_value "[int(b, 16) for b in o[0]['value']][$1:$2]"
}
rule_byte() { bpftool -j map lookup pinned "$PINS/rules" key "$1" 0 0 0 | json_value "int(o['value'][28], 16)"; }
live() { config_bytes 36 38; } # unreadable, link_local
shown() { loader -j status | json_value "o['unreadable']"; }

do_ok "attach" loader attach r0 --ports 80 --to 10.77.2.0/24
is "unreadable packets are dropped, link-local is for this host" "$(live) $(shown)" "[0, 0] drop"
is "the bit after the mark is set besides it" "$(config_bytes 32 36)" "[0, 0, 0, 2]"
is "by default rules pass flows without a route" "$(rule_byte 0)" 0
do_ok "attach again, with --unreadable and --unrouted" loader attach r0 --unreadable pass --unrouted proxy
is "they are live" "$(live) $(shown) $(rule_byte 0)" "[1, 0] pass 1"
like "status shows it" "$(loader status)" 'unreadable pass'
like "the rule list shows it" "$(loader rule list)" 'unrouted proxy'
is "in JSON as well" "$(loader -j rule list | json_value "o['rules'][0]['unrouted']")" proxy
do_ok "attach without the options" loader attach r0
is "leaves them" "$(live) $(rule_byte 0)" "[1, 0] 1"
loader save >"$WORK/saved.conf"
like "save has unreadable" "$(<"$WORK/saved.conf")" $'unreadable = pass\n'
like "save has unrouted" "$(<"$WORK/saved.conf")" $'unrouted = proxy'
do_ok "there is no difference to the saved file" loader diff "$WORK/saved.conf"

# one write for the whole policy, and back
printf '[rule a]\nports = 81\nto = 169.254.169.254 10.0.0.0/8\n' >"$WORK/a.conf"
try loader diff "$WORK/a.conf"
like "diff names it" "$RC $OUT" $'^4 .*loader: - unreadable = pass\nloader: \\+ unreadable = drop'
is "and in JSON" "$(loader -j diff "$WORK/a.conf" | json_value \
	"[(c['change'], c['value']) for c in o['changes'] if c.get('key') == 'unreadable' and 'rule' not in c]")" \
	"[('value_gone', 'pass'), ('value_new', 'drop')]"
do_ok "apply" loader apply "$WORK/a.conf"
is "the policy brings its settings" "$(live) $(rule_byte 0)" "[0, 1] 0"
do_ok "rollback" loader rollback
is "those of before are back" "$(live) $(rule_byte 0)" "[1, 0] 1"
do_ok "and forward" loader rollback
is "and again" "$(live)" "[0, 1]"
printf '[loader]\nunreadable = pass\n[rule b]\nports = 81\nto = 169.254.0.0/15\n' >"$WORK/b.conf"
do_ok "apply for a while" loader apply "$WORK/b.conf" --confirm-within 1s
is "a wider prefix does not name link-local" "$(live)" "[1, 0]"
fell_back() { [[ $(live) == "[0, 1]" ]]; }
ok "not confirmed: the settings fall back as well" wait_for 20 fell_back

# edits in place
do_ok "a drop rule for link-local" loader rule add gone --before a --to 169.254.0.0/16 --action drop
do_ok "the proxy's rule without" loader cidr del --rule a 169.254.169.254
is "a drop rule lets no proxy connect" "$(live)" "[0, 0]"
try loader cidr add --rule a 169.254.1.0/24 --show-bpftool
like "--show-bpftool prints the edit of the config map" "$OUT" "update pinned $PINS/config key 0 0 0 0 value"
is "and changes nothing" "$(live)" "[0, 0]"
do_ok "cidr add" loader cidr add --rule a 169.254.1.0/24
is "names link-local" "$(live)" "[0, 1]"
do_ok "rule del" loader rule del a
is "which goes with the rule" "$(live)" "[0, 0]"
do_ok "rule add" loader rule add c --to 169.254.169.254 --unrouted proxy
is "and comes with one" "$(live) $(rule_byte 1)" "[0, 1] 1"
do_ok "a file with it" loader apply "$WORK/b.conf"
do_ok "back to the edited policy" loader rollback
is "has the settings that the edits gave it" "$(live)" "[0, 1]"

# by hand
edited=$(bpftool -j map lookup pinned "$PINS/rules" key 1 0 0 0 |
	json_value "' '.join(str(int(b, 16)) for b in o['value'][:28] + ['0x77'] + o['value'][29:])")
# shellcheck disable=SC2086 # one argument a byte
ok "a value that means nothing is written" bpftool map update pinned "$PINS/rules" key 1 0 0 0 value $edited
is "it is read as the default" "$(rule_byte 1) $(loader -j rule list | json_value "o['rules'][1]['unrouted']")" "119 pass"
do_ok "detach" loader detach --all

# marks
do_ok "bit 31 as the mark" loader attach r0 --mark 0x80000000
is "goes with the bit before it" "$(config_bytes 32 36)" "[0, 0, 0, 64]"
do_ok "detach" loader detach --all
r ip rule add pref 700 fwmark 0x2000000/0xff000000 lookup 700
refuses "the second bit is in use" 1 'mark 0x2000000: rule 700 .*with mark 0x1000000.*--mark' \
	loader attach r0 --ports 80
do_ok "another mark" loader attach r0 --ports 80 --mark 0x10
do_ok "detach" loader detach --all
refuses "--unreadable of another kind" 2 'drop or pass' loader attach r0 --unreadable proxy
refuses "--unrouted of another kind" 2 'pass or proxy' loader rule add x --unrouted drop
finish
