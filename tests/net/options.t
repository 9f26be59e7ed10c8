#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# IPv4 options and IPv6 extension headers do not hide a flow from the relay. A source route is
# dropped where a rule could mean it.
. "$(dirname "$0")/../lib/test.sh"

counted_above() { [[ $(counter "$1") -gt $2 ]]; }

prepare nginx
serve_run tell "$SERVER" python3 "$LIB/corner.py" tell 7007 server
wait_for 10 listening "$SERVER" tcp 7007 || fatal "the server's listener starts"
ok "the relay starts" relay_start --log-level debug
do_ok "attach" loader attach r0 --ports 80,7007,udp/7007 --to 10.77.2.0/24,fd77:2::/64
ok "new flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset

intercepted() { # ADDRESS OPTIONS — each by TCP and UDP
	local before

	before=$(counter steered)
	is "flows to $1 with the options $2 are answered" "$(corner ask "$1" 7007 tcp,udp 8 "$2")" \
		"server $1 7007"
	is "and go through the relay" "$(($(counter steered) - before))" "$(($(tr , '\n' <<<"$2" | wc -l) * 2))"
}

intercepted $SERVER4 none
intercepted $SERVER4 nop,record-route
intercepted $SERVER4 timestamp,full
intercepted $SERVER6 none
intercepted $SERVER6 hop-by-hop
intercepted $SERVER6 destination
bypass_none "no packet went past the relay"

mac=$(ip -n "$ROUTER" -br link show r0 | awk '{ print $3 }')
for pair in "$CLIENT4 $SERVER4 source_route" "$CLIENT6 $SERVER6 routing_header"; do
	read -r from to reason <<<"$pair"
	before="$(counter "$reason") $(counter steered)"
	ok "a SYN to $to with a source route is sent" corner routed c0 "$mac" "$from" "$to" 7007
	ok "it is counted" wait_for 10 counted_above "$reason" "${before% *}"
	is "and not steered" "$(counter steered)" "${before#* }"
done
bypass_none "nor did they go past"
ok "other flows are relayed as before" steering $SERVER4 $SERVER6
finish
