#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# status knows whether the listener of a rule can take its flows: whether it exists, of which
# families, transparent, and on the device where flows enter.
. "$(dirname "$0")/../lib/test.sh"

PROXY=
# proxy PROTO[,PROTO] ADDRESS [OPTION…] — instead of the one before, see listen.py
proxy() {
	local last=${1##*,}

	[[ -z $PROXY ]] || stop "$PROXY"
	serve_run proxy "$ROUTER" python3 "$LIB/listen.py" 3129 "$@"
	PROXY=$!
	wait_for 20 listening "$ROUTER" "$last" 3129 || fatal "the proxy starts: $*"
}
# seen_as DESCRIPTION CODE PROBLEMS — problems as id:rule, in any order
seen_as() {
	try loader -j status
	is "$1" "$RC $(json_value "' '.join(sorted(p['id'] for p in o['problems'])) or '-'" <<<"$OUT")" "$2 ${3:--}"
}
classes() { loader -j status | json_value "' '.join('%s=%s' % c for c in o['rules'][0]['listeners'].items())"; }

prepare
do_ok "attach" loader attach r0 --ports 80 --proxy 3129

seen_as "no socket listens" 5 no-listener
like "in words" "$(loader status)" 'x rule default: no program listens on port 3129 for TCP: new flows are dropped.*verdict: broken'
do_ok "flows may pass" loader attach r0 --on-proxy-down pass
like "status reports that they pass" "$(loader status)" 'new flows are not intercepted, as on-proxy-down = pass'
do_ok "no more" loader attach r0 --on-proxy-down drop

proxy tcp :: dual transparent
seen_as "dual-stack and transparent" 0
is "in both classes" "$(classes)" "tcp4=ok tcp6=ok"
is "as flows have it" "$(cpy probe $SERVER4 80 2), $(cpy probe $SERVER6 80 2)" "connected open, connected open"
proxy tcp :: dual
seen_as "not transparent" 5 listener-not-transparent
is "which matters to IPv4 only" "$(classes)" "tcp4=not transparent tcp6=ok"
is "as flows have it" "$(cpy probe $SERVER4 80 2), $(cpy probe $SERVER6 80 2)" "timeout, connected open"
like "it names the process" "$(loader status)" 'python3 \(pid [0-9]+\) on port 3129 .TCP. is not transparent'
like "and the next step" "$(loader status)" 'Squid by http_port 3129 tproxy, .*tproxy-loader adopt --pid N'

proxy tcp 127.0.0.1 transparent
seen_as "IPv4 only" 4 listener-family
is "of two classes" "$(classes)" "tcp4=ok tcp6=none"
like "in words" "$(loader status)" '! rule default: it takes IPv4 and IPv6, and there is no IPv6 listener for TCP.*verdict: degraded'
proxy tcp :: v6only transparent
seen_as "IPv6 only" 4 listener-family
is "the other class" "$(classes)" "tcp4=none tcp6=ok"
proxy tcp ::ffff:127.0.0.1 dual transparent
is "mapped" "$(classes)" "tcp4=ok tcp6=none"
proxy tcp 127.0.0.2 transparent
seen_as "another address" 5 no-listener

proxy tcp 0.0.0.0 transparent
do_ok "detach" loader detach --all
do_ok "a rule for IPv4 only" loader attach r0 --ports 80 --proxy 3129 --to 10.77.2.0/24
seen_as "then an IPv4 listener will do" 0
do_ok "UDP as well" loader port add udp/53
seen_as "no socket takes UDP" 5 no-listener
like "in words" "$(loader status)" 'on port 3129 for UDP'
proxy tcp,udp 0.0.0.0 transparent
seen_as "a socket takes UDP" 0
stop "$PROXY"
proxy tcp 0.0.0.0 transparent
tcp=$PROXY PROXY=
proxy udp 0.0.0.0
seen_as "who takes datagrams may answer by another socket" 4 listener-not-transparent
stop "$tcp"
proxy tcp,udp 0.0.0.0 transparent device=r1
seen_as "on another device" 5 listener-device
like "in words" "$(loader status)" 'x r0: rule default: its listener for TCP and UDP is bound to r1'
proxy tcp,udp 0.0.0.0 transparent device=r0
seen_as "on the device" 0

proxy tcp,udp 0.0.0.0 transparent many=5000
do_ok "10 000 sockets are no obstacle" timeout 10 "$LOADER" -n "$ROUTER" status
stop "$PROXY"
PROXY=
seen_as "the proxy has gone" 5 no-listener

# a host without IPv6 misses no IPv6 listener
do_ok "detach" loader detach --all
do_ok "both families" loader attach r0 --ports 80 --proxy 3129
proxy tcp 0.0.0.0 transparent
seen_as "IPv6 is missed" 4 listener-family
r sysctl -qw net.ipv6.conf.r0.disable_ipv6=1
seen_as "but not where there is no IPv6" 0
do_ok "detach" loader detach --all
finish
