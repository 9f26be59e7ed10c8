#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# `test` predicts what happens to a flow, for every verdict, also before attach. It finds the
# interface, says what keeps the flow from arriving, and leaves no trace.
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
# fares DESCRIPTION CODE ARRIVES PROBLEMS ARGS… — live: exit code, and what is in the way
fares() {
	local what=$1 wanted="$2 $3${4:+ $4}"
	shift 4

	try loader -j test "$@"
	is "$what" "$RC $(json_value "' '.join([str(o['arrives'])] + sorted(p['id'] for p in o['problems']))" <<<"$OUT")" "$wanted"
}

is "before attach, with a file: no relay yet" "$(verdict --config "$WORK/t.conf" tcp $CLIENT4 $SERVER4:80)" \
	"('drop', 'web', False)"
is "a pass rule" "$(verdict --config "$WORK/t.conf" tcp $CLIENT6 "[$EXTRA6]:80")" "('pass', 'gate', None)"
is "a rule for another interface" "$(verdict --config "$WORK/t.conf" tcp $CLIENT4 $SERVER4:81)" \
	"('none', None, None)"
is "a packet that enters there" "$(verdict --config "$WORK/t.conf" --in r1 tcp 10.77.2.9 10.77.1.9:81)" \
	"('drop', 'other-side', False)"
codes() { # ARGS… — exit code of a file
	try loader test --config "$WORK/t.conf" "$@"
	echo $RC
}
is "exit codes of a file are those of its rules" "$(codes tcp $CLIENT4 $SERVER4:80) $(codes tcp $CLIENT4 $EXTRA4:80) $(
	codes tcp $CLIENT4 $SERVER4:8080) $(codes tcp $CLIENT4 $SERVER4:81)" "0 6 7 6"
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
fares "its code" 0 True "" tcp $CLIENT4 $SERVER4:80
fares "that of a pass rule" 6 False "" tcp $CLIENT4 $EXTRA4:80
fares "of a drop rule" 7 False "" tcp $CLIENT4 $SERVER4:8080
fares "of a proxy that is down" 5 False no-listener tcp $CLIENT4 $SERVER4:7007
fares "of no rule" 6 False "" tcp $CLIENT4 $SERVER4:22
fares "of this host" 6 False "" tcp $CLIENT4 $GATE4:80
loader -j status | json_value "o['counters'], [r['packets'] for r in o['rules']]" >"$WORK/after"
same_text "nothing was counted" "$WORK/before" "$WORK/after"

is "and so it is: relayed" "$(seen $SERVER4) $(seen $SERVER6)" "relay relay"
is "passed" "$(seen $EXTRA4)" direct
like "dropped" "$(c curl -sS -m 1 http://$SERVER4:8080/ 2>&1)" 'timed out'
is "refused" "$(cpy probe $SERVER4 7007)" refused
do_ok "a hand-made edit" r bpftool map update pinned "$PINS/dst4" key 32 0 0 0 10 77 2 2 value 1 0 0 0 0 0 0 0
is "is seen" "$(verdict tcp $CLIENT4 $SERVER4:80)" "('pass', 'gate', None)"
is "and true" "$(seen $SERVER4)" direct
ok "undone" r bpftool map delete pinned "$PINS/dst4" key 32 0 0 0 10 77 2 2

# by which interface
from_server() { loader -j test tcp $SERVER4 "$1:80" | json_value "o['interface'], o['attached'], o['verdict']"; }
is "a flow from elsewhere is not intercepted" "$(from_server $CLIENT4)" "('r1', False, 'none')"
fares "that passes" 6 False "" tcp $SERVER4 $CLIENT4:80
like "in words" "$(loader test tcp $SERVER4 $CLIENT4:80)" '^in r1: it is not attached: left alone$'
do_ok "a second interface" loader attach r1
is "then it is" "$(from_server $CLIENT4)" "('r1', True, 'proxy')"
is "the return route gives the first" "$(loader -j test tcp $CLIENT6 "[$SERVER6]:80" | json_value "o['interface']")" r0
refuses "no route back: it has to be named" 2 'no route leads back.*\(--in IF\)' loader test tcp 192.0.2.9 $SERVER4:80
refuses "a source that is the router" 2 'address of this host.*\(--local, or --in IF\)' loader test tcp $GATE4 $SERVER4:80
fares "named, it gets no answer" 5 False no-return-route --in r0 tcp 192.0.2.9 $SERVER4:80
like "in words" "$(loader test --in r0 tcp 192.0.2.9 $SERVER4:80)" \
	"listener, but it does not arrive.*x r0: there is no route back to 192\.0\.2\.9: Network is unreachable"

# what keeps it from arriving
fares "the way back may be another" 0 True "" --in r0 tcp $EXTRA4 $SERVER4:80
r sysctl -qw net.ipv4.conf.r0.rp_filter=1
fares "not with a strict rp_filter" 5 False rp-filter --in r0 tcp $EXTRA4 $SERVER4:80
fares "which is nothing to others" 0 True "" tcp $CLIENT4 $SERVER4:80
r sysctl -qw net.ipv4.conf.r0.rp_filter=0
r ip -4 rule del pref 150 iif r0
fares "the rule is gone" 5 False rule-missing tcp $CLIENT4 $SERVER4:80
fares "which is nothing to IPv6" 0 True "" tcp $CLIENT6 "[$SERVER6]:80"
do_ok "attach repairs it" loader attach r0
fares "a client that is not there" 0 True "" tcp 10.77.1.77 $SERVER4:80
r ping -c 1 -W 1 10.77.1.77 >/dev/null
fares "once ARP has failed" 5 False no-neighbour tcp 10.77.1.77 $SERVER4:80
relay_stop
fares "without the relay" 5 False no-listener tcp $CLIENT4 $SERVER4:80
is "it would be dropped" "$(verdict tcp $CLIENT4 $SERVER4:80)" "('drop', 'web', False)"
refuses "an interface that does not exist" 1 'no such interface' loader test --in nope0 tcp $CLIENT4 $SERVER4:80
refuses "mixed families" 2 'families' loader test tcp $CLIENT4 "[$SERVER6]:80"
refuses "no port" 2 '192\.0\.2\.1:22' loader test tcp $CLIENT4 $SERVER4
refuses "another protocol" 2 'tcp or udp' loader test icmp $CLIENT4 $SERVER4:80
do_ok "detach" loader detach --all
finish
