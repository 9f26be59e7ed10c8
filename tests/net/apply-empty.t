#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# apply reports before it removes something: all rules (only with --empty), and edits made since
# the last apply. diff and apply cover interfaces, their roles, mark and table.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/schema.sh
. "$LIB/schema.sh"

prepare nginx
conf=$WORK/tproxy.conf
cat >"$conf" <<-'CONF'
	[loader]
	interfaces = r0
	[rule web]
	ports = 80
	[rule more]
	ports = 8080
CONF
: >"$WORK/none.conf"
printf '[loader]\ninterfaces = r0\n' >"$WORK/no-rules.conf"
generation() { loader -j status | json_value "o['generation']"; }
changes() { # ARGS… — of a command's JSON
	loader -q -j "$@" 2>/dev/null | tee -a "$WORK/changes.$1" | json_value "sorted(' '.join(str(v) for v in c.values()) for c in o['changes'])"
}

do_ok "a first start without rules is fine" loader apply "$WORK/no-rules.conf"
do_ok "and again" loader apply "$WORK/no-rules.conf"
ok "the relay starts" relay_start
do_ok "rules" loader apply "$conf"
ok "flows go through the relay" steering $SERVER4 $SERVER6
before=$(generation)
for file in none no-rules; do
	refuses "apply $file.conf does not take them away" 1 \
		"$file.conf: has no rule and no pool, and 2 rules .*nothing is changed \(tproxy-loader apply --empty .*$file.conf" \
		loader apply "$WORK/$file.conf"
done
is "nothing has changed" "$(generation) $(seen $SERVER4)" "$before relay"
do_ok "nor has the file" loader diff "$conf"

# --- watch ---
nsenter --net="/run/netns/$ROUTER" -- "$LOADER" --pin-dir "$PINS" watch --config "$conf" \
	>"$WORK/log/watch" 2>&1 &
watch=$!
disown $watch
says() { wait_for 20 grep -Eq -- "$1" "$WORK/log/watch"; }
ok "watch takes the file" says 'is the live policy already'
cp "$conf" "$WORK/good.conf"
: >"$conf"
kill -HUP $watch
ok "SIGHUP with an empty file: the log reports it" says 'tproxy.conf: has no rule and no pool, and 2 rules'
is "and keeps the policy" "$(generation) $(seen $SERVER4)" "$before relay"
ip -n "$ROUTER" link set r0 down
ip -n "$ROUTER" link set r0 name r0x
ip -n "$ROUTER" link set r0x name r0
ip -n "$ROUTER" link set r0 up
sed 's/8080/8081/' "$WORK/good.conf" >"$conf"
kill -HUP $watch
ok "the next file is taken" says 'tproxy.conf: applied'
stop $watch
: >"$conf"
nok "a start with an empty file ends" nsenter --net="/run/netns/$ROUTER" -- \
	"$LOADER" --pin-dir "$PINS" watch --config "$conf"
is "and the policy stays" "$(loader rule list -j | json_value "len(o['rules'])")" 2
cp "$WORK/good.conf" "$conf"

# --- edits ---
do_ok "the file" loader apply "$conf"
do_ok "a prefix that lies in another" loader cidr add --rule web 192.0.2.0/24
do_ok "is no edit" loader diff
do_ok "a rule" loader rule add late --ports 443
do_ok "a rule is removed" loader rule del more
do_ok "an edit with bpftool" r bpftool map update pinned "$PINS/ports" key 6 0 35 131 value 1 0 0 0 0 0 0 0
do_ok "apply" loader apply "$conf"
is "apply names what it drops" "$(grep 'dropped' "$WORK/err" | sort)" "$(sort <<-'TEXT'
	tproxy-loader: warning: edit dropped: + rule late
	tproxy-loader: warning: edit dropped: - rule more
	tproxy-loader: warning: edit dropped: rule web: + ports = tcp/9091
TEXT
)"
do_ok "an edit that the file has, too" loader port add --rule web tcp/9092
printf '[loader]\ninterfaces = r0\n[rule web]\nports = 80 9092\n[rule more]\nports = 8080\n' >"$WORK/same.conf"
do_ok "apply" loader apply "$WORK/same.conf"
is "is not dropped" "$(grep -c dropped "$WORK/err")" 0
# shellcheck disable=SC2046 # words
do_ok "many edits" loader port add --rule web $(seq -f 'tcp/%g' 2001 2 2099)
try loader -j apply "$WORK/same.conf"
is "are counted" "$(json_value "(len(o['dropped_edits']), o['dropped_edit_count'])" <<<"$OUT")" "(20, 50)"
is "and 20 are named" "$(grep -c 'edit dropped' "$WORK/err") $(grep -c 'dropped: 50 in all' "$WORK/err")" "20 1"
is "the first like this" "$(json_value "o['dropped_edits'][0]" <<<"$OUT")" "rule web: + ports = tcp/2001"
ok "the JSON is as the schema says" valid_json apply "$WORK/out"

# an edit while apply waits for older UDP flows takes no lock
printf '[loader]\ninterfaces = r0\n[rule web]\nports = tcp/80 udp/53\n' >"$WORK/udp.conf"
LEARN=1 loader apply --learn 5 "$WORK/udp.conf" >"$WORK/log/late" 2>&1 &
late=$!
ok "apply waits" wait_for 10 grep -q 'UDP' "$WORK/log/late"
do_ok "bpftool edits meanwhile" r bpftool map update pinned "$PINS/ports" key 6 0 35 135 value 1 0 0 0 0 0 0 0
wait $late
like "it is named" "$(<"$WORK/log/late")" 'edit dropped: rule web: \+ ports = tcp/9095'

# --- interfaces ---
do_ok "the file" loader apply "$conf"
is "no difference" "$(changes diff "$conf")" "[]"
printf '[loader]\ninterfaces = r*\ndivert = r0\nmark = 0x2000000\ntable = 77\n[rule web]\nports = 80\n[rule more]\nports = 8080\n' >"$WORK/roles.conf"
try loader diff "$WORK/roles.conf"
is "diff: exit 4" $RC 4
is "interfaces, roles, mark and table" "$(sort <<<"$OUT")" "$(sort <<-'TEXT'
	loader: - mark = 0x1000000
	loader: + mark = 0x2000000
	loader: - table = 15001
	loader: + table = 77
	+ interface r1 (policy)
	interface r0: + role divert
TEXT
)"
is "diff --json" "$(changes diff "$WORK/roles.conf")" "['interface_new r1 policy', 'role r0 divert', 'value_gone mark 0x1000000', 'value_gone table 15001', 'value_new mark 0x2000000', 'value_new table 77']"
sed -i '/mark\|table/d' "$WORK/roles.conf"
is "apply says the same" "$(changes apply "$WORK/roles.conf")" "['interface_new r1 policy', 'role r0 divert']"
for command in diff apply; do
	ok "the JSON of $command is as the schema says" valid_lines $command "$WORK/changes.$command"
done
is "and does it" "$(loader -j status | json_value "{i['name']: i['roles'] for i in o['interfaces']}")" \
	"{'r0': ['policy', 'divert'], 'r1': ['policy']}"
do_ok "no difference then" loader diff "$WORK/roles.conf"
do_ok "nor since" loader diff
try loader diff "$conf"
is "interfaces that the file does not name stay attached" "$RC $(sort <<<"$OUT")" "4 $(sort <<-'TEXT'
	interface r0 (divert): attached, but not in the file: stays attached (tproxy-loader detach r0)
	interface r1 (policy): attached, but not in the file: stays attached (tproxy-loader detach r1)
TEXT
)"
do_ok "apply" loader apply "$conf"
is "does not detach it" "$(loader -j status | json_value "len(o['interfaces'])")" 2
do_ok "a file with both" loader apply "$WORK/roles.conf"
do_ok "detach one" loader detach r1
try loader diff
is "diff without a file" "$RC $OUT" "4 - interface r1 (policy)"
do_ok "attach of r1 again" loader attach r1

do_ok "no rules, with the option for it" loader apply --empty "$WORK/none.conf"
is "and there are no rules" "$(loader rule list -j | json_value "o['rules']") $(seen $SERVER4)" "[] direct"
do_ok "once more needs no word" loader apply "$WORK/none.conf"
do_ok "detach" loader detach --all
finish
