#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# dig gets its answers through the relay, over UDP and TCP, from the address that it asked.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx dns
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 53,80,udp/53 --to 10.77.2.0/24,fd77:2::/64
ok "new flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset

check() { # CLIENT ADDRESS ROUTER-ADDRESS
	local i answers=0

	is "A over UDP from $2" "$(dig_at "$2" test.tproxy A)" 10.77.2.200
	is "AAAA over UDP from $2" "$(dig_at "$2" test.tproxy AAAA)" fd77:2::200
	is "A over TCP from $2" "$(dig_at "$2" +tcp test.tproxy A)" 10.77.2.200
	like "the answer is from the address that was asked" \
		"$(c dig +tries=2 +time=3 "@$2" test.tproxy A)" "SERVER: $(escaped "$2")#53"
	for ((i = 0; i < 40; i++)); do
		[[ $(dig_at "$2" test.tproxy A) == 10.77.2.200 ]] && answers=$((answers + 1))
	done
	is "forty queries in a row are answered" $answers 40
	ok "the server sees the relay" grep -q "query\[A\] test.tproxy from $3" "$WORK/log/dnsmasq-queries"
	nok "the server does not see the client" grep -q "from $1" "$WORK/log/dnsmasq-queries"
	ok "the record of TCP names both ends" relay_says "$(record tcp "$1" "$2" 53)"
	# a UDP flow's record is written when it has been idle
	ok "the record of UDP names both ends" wait_for 40 grep -Eq -- "$(record udp "$1" "$2" 53)" "$RELAY_LOG"
}

check $CLIENT4 $SERVER4 $ROUTER4
check $CLIENT6 $SERVER6 $ROUTER6
bypass_none "no packet went past the relay"
finish
