#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# `test` says what then really happens to a flow, for every verdict, before attach too; and
# leaves no trace.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx dns
cat >"$WORK/t.conf" <<-CONF
	[loader]
	interfaces = r0
	[rule gate]
	to = $EXTRA4 $EXTRA6
	ports = 80
	action = pass
	[rule web]
	ports = 80
	[rule other-side]
	interface = r1
	ports = 81
	[rule no]
	ports = 8080 8081
	action = drop
	[rule refuse]
	ports = 7007
	proxy = 9999
	on-proxy-down = reset
	[rule names]
	proto = udp
	ports = 53
CONF
verdict() { loader -j test "$@" | json_value "o['verdict'], o['rule'], o.get('listener')"; }

is "before attach, with a file: no relay yet" "$(verdict --config "$WORK/t.conf" tcp $CLIENT4 $SERVER4:80)" \
	"('drop', 'web', False)"
is "a pass rule" "$(verdict --config "$WORK/t.conf" tcp $CLIENT6 "[$EXTRA6]:80")" "('pass', 'gate', None)"
is "a rule for another interface" "$(verdict --config "$WORK/t.conf" tcp $CLIENT4 $SERVER4:81)" \
	"('none', None, None)"
is "entering there" "$(verdict --config "$WORK/t.conf" --in r1 tcp 10.77.2.9 10.77.1.9:81)" \
	"('drop', 'other-side', False)"
refuses "without a file nothing is known" 3 'not attached' loader test tcp $CLIENT4 $SERVER4:80

ok "the relay starts" relay_start
do_ok "apply" loader apply "$WORK/t.conf"
ok "flows go through the relay" steering $SERVER4 $SERVER6
loader -j status | json_value "o['counters'], [r['packets'] for r in o['rules']]" >"$WORK/before"

is "relayed" "$(verdict tcp $CLIENT4 $SERVER4:80)" "('proxy', 'web', True)"
is "and IPv6" "$(verdict tcp "[$CLIENT6]:1234" "[$SERVER6]:80")" "('proxy', 'web', True)"
is "passed" "$(verdict tcp $CLIENT4 $EXTRA4:80)" "('pass', 'gate', None)"
is "dropped" "$(verdict tcp $CLIENT4 $SERVER4:8080)" "('drop', 'no', None)"
is "refused" "$(verdict tcp $CLIENT4 $SERVER4:7007)" "('reset', 'refuse', False)"
is "no rule" "$(verdict tcp $CLIENT4 $SERVER4:22)" "('none', None, None)"
is "UDP" "$(verdict udp $CLIENT4 $SERVER4:53)" "('proxy', 'names', True)"
is "the router itself" "$(verdict tcp $CLIENT4 $GATE4:80)" "('local', None, None)"
is "no route" "$(verdict tcp $CLIENT4 192.0.2.1:80)" "('unrouted', 'web', True)"
do_ok "in words" loader test tcp $CLIENT4 $SERVER4:80
is "they read" "$OUT" "in r0: rule 1 web: proxy relay: to the proxy's listener"
loader -j status | json_value "o['counters'], [r['packets'] for r in o['rules']]" >"$WORK/after"
same_text "nothing was counted" "$WORK/before" "$WORK/after"

is "and so it is: relayed" "$(seen $SERVER4) $(seen $SERVER6)" "relay relay"
is "passed" "$(seen $EXTRA4)" direct
like "dropped" "$(c curl -sS -m 1 http://$SERVER4:8080/ 2>&1)" 'timed out'
is "refused" "$(cpy probe $SERVER4 7007)" refused
do_ok "a hand-made edit" r bpftool map update pinned "$PINS/dst4" key 32 0 0 0 10 77 2 2 value 1 0 0 0 0 0 0 0
is "is seen" "$(verdict tcp $CLIENT4 $SERVER4:80)" "('pass', 'gate', None)"
is "and true" "$(seen $SERVER4)" direct
do_ok "a second interface" loader attach r1
refuses "then it has to be named" 2 '\(--in IF\)' loader test tcp $CLIENT4 $SERVER4:80
refuses "one that is not there" 1 'no such interface' loader test --in nope0 tcp $CLIENT4 $SERVER4:80
refuses "mixed families" 2 'families' loader test tcp $CLIENT4 "[$SERVER6]:80"
refuses "no port" 2 '192\.0\.2\.1:22' loader test tcp $CLIENT4 $SERVER4
refuses "another protocol" 2 'tcp or udp' loader test icmp $CLIENT4 $SERVER4:80
do_ok "detach" loader detach --all
finish
