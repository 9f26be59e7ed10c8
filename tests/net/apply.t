#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A policy as a file: check, diff, apply, save and rollback agree with each other and with what
# happens to flows. Counters follow rules by name; edits by hand show as drift.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/schema.sh
. "$LIB/schema.sh"

prepare nginx
conf=$WORK/tproxy.conf
cat >"$conf" <<-CONF
	[loader]
	interfaces = r0          ; the side of the clients

	[rule no-extra]
	to     = 10.77.3.0/24 fd77:3::/64
	ports  = 80
	action = pass

	[rule web]
	ports  = 80 8080
	to     = 10.77.0.0/16
	         fd77::/16
	action = proxy
CONF
ok "the relay starts" relay_start
do_ok "check" loader check "$conf"
refuses "diff before anything is attached" 3 'not attached' loader diff "$conf"
do_ok "apply attaches and fills" loader apply "$conf"
ok "flows go through the relay" steering $SERVER4 $SERVER6
is "the pass rule before it decides" "$(seen $EXTRA4) $(seen $EXTRA6)" "direct direct"
do_ok "diff finds nothing" loader diff "$conf"
do_ok "diff without a file neither" loader diff
is "status shows it too" "$(loader -j status | json_value "str(o['applied'])+str(o['drift'])")" True0
generation=$(loader -j status | json_value "o['generation']")
do_ok "applying it again changes nothing" loader apply "$conf"
is "not even the generation" "$(loader -j status | json_value "o['generation']")" "$generation"

web=$(flows_of web)
ok "flows were counted" test "$web" -gt 0

# the order turned round, and a rule between
cat >"$WORK/second.conf" <<-CONF
	[rule web]
	ports = 80
	to = 10.77.0.0/16, fd77::/16
	[rule fresh]
	ports = 8080
	action = drop
	[rule no-extra]
	ports = 80
	to = 10.77.3.0/24 fd77:3::/64
	action = pass
CONF
try loader diff "$WORK/second.conf"
is "diff: exit 4" $RC 4
is "diff shows the changes" "$(sort <<<"$OUT")" "$(sort <<-'TEXT'
	rule web: - ports = tcp/8080
	+ rule fresh
	~ rule no-extra: moved to another place
TEXT
)"
do_ok "apply" loader apply "$WORK/second.conf"
is "the order counts" "$(seen $EXTRA4) $(seen $EXTRA6) $(seen $SERVER4)" "relay relay relay"
is "the new rule counts" "$(c curl -sS -m 1 -o /dev/null http://$SERVER4:8080/ 2>&1 | grep -c 'timed out')" 1
ok "counters follow the name" test "$(flows_of web)" -gt "$web"
is "a new rule starts at what it dropped" "$(($(flows_of fresh) > 0)) $(flows_of no-extra)" "1 2"

do_ok "rollback" loader rollback
is "the first policy is back" "$(seen $EXTRA4) $(seen $SERVER4 8080) $(seen $SERVER4)" "direct relay relay"
do_ok "and is the file's" loader diff "$conf"
do_ok "drift is against the file it came from" loader diff
do_ok "rollback again" loader rollback
is "goes forward" "$(seen $EXTRA4)" relay
do_ok "and once more" loader rollback

do_ok "bpftool edits the live map" r bpftool map update pinned "$PINS/dst4" \
	key 24 0 0 0 192 0 2 0 value 2 0 0 0 0 0 0 0
is "status shows drift" "$(loader -j status | json_value "o['drift']")" 1
try loader diff
is "diff names it" "$RC $OUT" "4 rule web: + to = 192.0.2.0/24"
like "and status in words" "$(loader status)" 'edited since'
key=("$(r ip -j link show r0 | json_value "o[0]['ifindex']")" 0 0 0)
# the mask of r0: no rule at all
read -ra value < <(r bpftool -j map lookup pinned "$PINS/ifaces" key "${key[@]}" |
	python3 -c 'import json,sys; v=json.load(sys.stdin)["value"]; print(*(["0"]*8 + v[8:]))')
do_ok "bpftool takes the rules from the interface" \
	r bpftool map update pinned "$PINS/ifaces" key "${key[@]}" value "${value[@]}"
is "flows pass" "$(seen $SERVER4)" direct
try loader diff "$conf"
like "diff shows it" "$RC $OUT" '^4 .*interface r0'
do_ok "applying the file again puts all right" loader apply "$conf"
is "flows are relayed" "$(seen $SERVER4)" relay
do_ok "no difference" loader diff "$conf"

do_ok "save" loader save
printf '%s\n' "$OUT" >"$WORK/saved.conf"
do_ok "the saved file is the policy" loader diff "$WORK/saved.conf"
do_ok "and can be applied" loader apply "$WORK/saved.conf"
like "changing nothing" "$ERR" 'is the live policy already'
do_ok "saved from there" loader save
is "it is the same text" "$OUT" "$(<"$WORK/saved.conf")"
loader save | try loader apply -
is "save | apply" $RC 0

for words in "check $conf" "diff $conf" "diff" "apply $conf" "save" "confirm" "test tcp $CLIENT4 $SERVER4:80" \
	"apply $WORK/second.conf --confirm-within 60s" "status" "rollback"; do
	# shellcheck disable=SC2086 # words
	loader -q -j $words >"$WORK/json"
	ok "${words%% *} --json" valid_json "${words%% *}" "$WORK/json"
done

# rules for one interface only
do_ok "the other side is attached too" loader attach r1
cat >"$WORK/zones.conf" <<-'CONF'
	[rule lan-web]
	zone = lan
	ports = 80
	[rule wan-web]
	interface = r1 nosuch*
	ports = 80
	action = drop
	[zone lan]
	interfaces = r0
CONF
do_ok "apply rules with zones" loader apply "$WORK/zones.conf"
is "the client's zone is relayed" "$(seen $SERVER4)" relay
is "each interface has its rule" "$(bpftool -j map dump pinned "$PINS/ifaces" |
	json_value "' '.join(sorted(str(e['formatted']['value']['mask']) for e in o))")" "1 2"
do_ok "no drift" loader diff
ip -n "$ROUTER" link add nosuch0 type veth peer name nosuch1
ip -n "$ROUTER" link set nosuch0 up
do_ok "an interface that a glob names comes later" loader attach nosuch0
is "it has its rule only" "$(bpftool -j map dump pinned "$PINS/ifaces" |
	json_value "' '.join(sorted(str(e['formatted']['value']['mask']) for e in o))")" "1 2 2"
do_ok "save keeps the interfaces" loader save
printf '%s\n' "$OUT" >"$WORK/saved.conf"
do_ok "save, apply" loader apply "$WORK/saved.conf"
like "is no change" "$ERR" 'is the live policy already'
like "rule list shows them" "$(loader rule list)" '1 wan-web: tcp/80 in r1,nosuch\*'
do_ok "a rule for one interface from the command line" \
	loader rule add more --interface r1 --ports 8080 --action drop
is "concerns no other" "$(bpftool -j map dump pinned "$PINS/ifaces" |
	json_value "' '.join(sorted(str(e['formatted']['value']['mask']) for e in o))")" "1 2 6"
is "the client's flows continue" "$(seen $SERVER4 8080)" direct
do_ok "without the rule" loader rule del more
do_ok "its number comes to another one" loader rule add other --ports 8080
is "which is for all" "$(seen $SERVER4 8080)" relay

do_ok "detach" loader detach --all
ok "nothing is left" test ! -e "$PINS"
finish
