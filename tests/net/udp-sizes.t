#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Datagrams of every size cross the relay in both directions: empty, small, full, fragmented, and
# in bursts.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx echo
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,udp/7007 --to 10.77.2.0/24,fd77:2::/64
ok "new flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset

check() { # ADDRESS ROUTER-ADDRESS
	local size

	is "the server at $1 sees the relay" "$(cpy udp-who "$1" 7007 | cut -d' ' -f1)" "$2"
	for size in 0 1 512 1452 1473 4000 9000 60000; do
		is "datagrams of $size bytes to $1 and back" "$(cpy udp "$1" 7007 $size 3)" 3
	done
	is "a flow of 2000 datagrams to $1 and back" "$(cpy udp "$1" 7007 200 2000)" 2000
}

check $SERVER4 $ROUTER4
check $SERVER6 $ROUTER6
bypass_none "no packet went past the relay, nor did a fragment"
finish
