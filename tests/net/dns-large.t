#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Answers of 3000 bytes arrive in fragments where EDNS allows it, otherwise by TCP. A resolver on
# all addresses of the router keeps its own queries.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx dns
ok "a resolver starts on the router" serve_dns "$ROUTER" 10.77.1.200
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 53,80,udp/53 --to 10.77.2.0/24,fd77:2::/64
ok "new flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset

dig_full() { # ADDRESS ARGS…
	local address=$1
	shift

	c dig +tries=2 +time=3 "@$address" "$@" big.tproxy TXT
}

for to in $SERVER4 $SERVER6; do
	large=$(dig_full "$to" +bufsize=4096 +ignore)
	like "EDNS 4096, from $to: an answer by UDP" "$large" "SERVER: $(escaped "$to")#53.*\(UDP\)"
	like "which is whole" "$large" "MSG SIZE +rcvd: 3[0-9][0-9][0-9]"
	unlike "and not truncated" "$large" "flags:[^;]* tc"
	like "512 bytes allowed: truncated" "$(dig_full "$to" +bufsize=512 +ignore)" "flags:[^;]* tc"
	large=$(dig_full "$to" +bufsize=512)
	like "and asked again by TCP" "$large" "SERVER: $(escaped "$to")#53.*\(TCP\)"
	like "which has the whole answer" "$large" "MSG SIZE +rcvd: 3[0-9][0-9][0-9]"
done
answers=0
for _ in {1..20}; do
	[[ $(dig_at $SERVER4 test.tproxy A) == 10.77.2.200 ]] && answers=$((answers + 1))
	[[ $(dig_at $GATE4 test.tproxy A) == 10.77.1.200 ]] && answers=$((answers + 1))
	[[ $(dig_at $SERVER6 test.tproxy A) == 10.77.2.200 ]] && answers=$((answers + 1))
	[[ $(dig_at $GATE6 test.tproxy A) == 10.77.1.200 ]] && answers=$((answers + 1))
done
is "the server's and the router's own resolver in turn, each answers what it was asked" $answers 80
bypass_none "no packet went past the relay, nor did a fragment"
finish
