#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Own traffic of sockets that name a device: direct or refused, as configured, and no token and no
# connection of the proxy ever leaves by a device.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

prepare
r ip route add default via $SERVER4
r ip -6 route add default via $SERVER6
own_up --ports $PORT,udp/$PORT --to 10.77.2.0/24,fd77:2::/64

check() { # FAMILY DST
	local dst past

	dst=$(at "$2" $PORT) past=$(around "$(source_for "$2")")
	own set flags 0
	own_reset
	is "TCP $1: bound to a device" "$(sock "tcp$1" dev=r1 "connect=$dst" say)" "$past"
	is "UDP $1: bound to a device" "$(sock "udp$1" dev=r1 "ask=$dst" "connect=$dst" say)" "$past $past"
	is "UDP $1: a datagram names a device: the first is lost, then the socket counts as bound" \
		"$(sock "udp$1" "pkt=r1,$dst" "pkt=r1,$dst" "ask=$dst")" "EPERM $past $past"
	is "UDP $1: IP_UNICAST_IF, too" "$(sock "udp$1" unicast=r1 "ask=$dst" "ask=$dst")" "EPERM $past"
	is "UDP $1: IP_UNICAST_IF and connected" "$(sock "udp$1" unicast=r1 "connect=$dst" say)" "$past"
	is "TCP $1: IP_UNICAST_IF does not concern it" "$(sock "tcp$1" unicast=r1 "connect=$dst" say)" \
		"$(through "$2" $PORT)"
	is "UDP $1: no token was seen on the wire" "$(own_tokens_seen)" 0

	own set flags 1
	own_reset
	is "TCP $1: refused, bound to a device" "$(sock "tcp$1" dev=r1 "connect=$dst")" EPERM
	is "UDP $1: refused, bound to a device" "$(sock "udp$1" dev=r1 "ask=$dst" "connect=$dst")" \
		"EPERM EPERM"
	# with a source, IPv6 takes the route of lo all the same
	like "UDP $1: refused, one datagram names a device" \
		"$(sock "udp$1" "connect=$dst" "pkt=r1,$dst")" "^(EPERM|$(through "$2" $PORT))$"
	is "UDP $1: refused, datagrams name a device" "$(sock "udp$1" "pkt=r1,$dst" "pkt=r1,$dst" "ask=$dst")" \
		"EPERM EPERM $(through "$2" $PORT)"
	like "UDP $1: refused, IP_UNICAST_IF and connected" "$(sock "udp$1" unicast=r1 "connect=$dst" say)" "^(EPERM|nothing)$"
	is "UDP $1: others are not refused" "$(sock "udp$1" dev=r1 "ask=$(at "$2" $OTHER)")" "$past"
	none_direct "none of it reaches the server"
}

check 4 $SERVER4
check 6 $SERVER6
own set flags 0

# without the ip rule, the kernel would send the packets of a connection to the server
own_reset
r ip rule del iif lo fwmark $OWN_MARK/$OWN_MARK
r ip -6 rule del iif lo fwmark $OWN_MARK/$OWN_MARK
is "TCP 4: without the ip rule, nothing is sent" "$(sock tcp4 "connect=$SERVER4:$PORT")" "timed out"
is "TCP 6: without the ip rule, nothing is sent" "$(sock tcp6 "connect=[$SERVER6]:$PORT")" "timed out"
none_direct "nothing reaches the server"
like "the packets are counted" "$(counter own_wire)" "^[1-9]"
do_ok "attach again repairs it" own_attach
is "TCP 4: with the rule again" "$(sock tcp4 "connect=$SERVER4:$PORT" say)" "$(through $SERVER4 $PORT)"
is "TCP 6: with the rule again" "$(sock tcp6 "connect=[$SERVER6]:$PORT" say)" "$(through $SERVER6 $PORT)"
own_down
finish
