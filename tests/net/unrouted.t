#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A router whose only way out is a proxy has no route to the destination. A rule with
# unrouted = proxy takes such flows; without it they are left to the kernel, which refuses them.
. "$(dirname "$0")/../lib/test.sh"

FAR4=10.66.0.1 FAR6=fd66::1

prepare nginx
ip -n "$SERVER" addr add $FAR4/32 dev lo
ip -n "$SERVER" addr add $FAR6/128 dev lo nodad
serve_run microsocks "$SERVER" microsocks -i 0.0.0.0 -p 1080
wait_for 10 listening "$SERVER" tcp 1080 || fatal "the SOCKS server starts"
ok "the relay starts" relay_start --upstream "socks5://$SERVER4:1080"
do_ok "attach" loader attach r0
do_ok "a rule without unrouted" loader rule add web --ports 80
ok "flows that are routed go through the relay" wait_for 10 whoami_at $SERVER4
before=$(counter unrouted)
is "without a route the kernel refuses" "$(cpy probe $FAR4 80 5) $(cpy probe $FAR6 80 5)" \
	"network is unreachable network is unreachable"
like "and it is counted" "$(($(counter unrouted) - before))" "^[2-9]$" # a SYN may be repeated

do_ok "the rule is removed" loader rule del web
do_ok "unrouted = proxy" loader rule add web --ports 80 --unrouted proxy
before=$(counter unrouted)
is "the proxy has a way: IPv4" "$(whoami_at $FAR4 | cut -d' ' -f1)" $FAR4
is "the proxy has a way: IPv6" "$(whoami_at $FAR6 | cut -d' ' -f1)" $FAR6
is "nothing is left to the kernel" "$(($(counter unrouted) - before))" 0
like "rule list shows it" "$(loader rule list)" 'unrouted proxy'
is "an address of this router stays its own" "$(cpy probe $GATE4 80 5)" refused
bypass_none "nothing got past"
finish
