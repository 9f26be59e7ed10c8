#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Interception works with every value of rp_filter and src_valid_mark, also with the address of
# the client towards the server, and no sysctl is written.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx dns
ok "the relay starts" relay_start
snapshot >"$WORK/initial"

set_filters() { # RP_FILTER SRC_VALID_MARK
	r sysctl -qw net.ipv4.conf.all.rp_filter="$1" net.ipv4.conf.default.rp_filter="$1" \
		net.ipv4.conf.r0.rp_filter="$1" net.ipv4.conf.r1.rp_filter="$1" \
		net.ipv4.conf.lo.rp_filter="$1" net.ipv4.conf.all.src_valid_mark="$2" \
		net.ipv4.conf.r0.src_valid_mark="$2" net.ipv4.conf.r1.src_valid_mark="$2"
}

works() { # NAME
	ok "$1: TCP" steering $SERVER4
	is "$1: UDP" "$(dig_at $SERVER4 test.tproxy A)" 10.77.2.200
	ok "$1: TCP over IPv6" steering $SERVER6
	is "$1: UDP over IPv6" "$(dig_at $SERVER6 test.tproxy A)" 10.77.2.200
	bypass_none "$1: nothing went past the relay"
}

do_ok "attach" loader attach r0 --ports 80,udp/53
ok "flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset
for rp in 0 1 2; do
	for valid in 0 1; do
		set_filters $rp $valid
		works "set after attach, rp_filter=$rp src_valid_mark=$valid"
	done
done
do_ok "detach --all" loader detach --all
relay_stop
set_filters 0 0
unchanged "no sysctl was written" "$WORK/initial"

ok "a relay with the client's address starts" relay_start --source client-ip
for rp in 0 1 2; do
	for valid in 0 1; do
		name="set before attach, client-ip, rp_filter=$rp src_valid_mark=$valid"
		set_filters $rp $valid
		snapshot >"$WORK/before"
		do_ok "$name: attach" loader attach r0 --ports 80,udp/53
		do_ok "$name: attach r1" loader attach r1 --divert-only
		ok "$name: a flow is relayed" wait_for 10 recorded $SERVER4
		ok "$name: an IPv6 flow is relayed" wait_for 10 recorded $SERVER6
		is "$name: nginx sees the client" "$(whoami_at $SERVER4 | cut -d' ' -f1)" $CLIENT4
		is "$name: UDP is answered" "$(dig_at $SERVER4 test.tproxy A)" 10.77.2.200
		do_ok "$name: detach" loader detach --all
		unchanged "$name: no sysctl was written" "$WORK/before"
	done
done
finish
