#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Own traffic: connections from the same port, one after the other, while the proxy's side is in
# TIME_WAIT; and proxies that answer by SYN cookies.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

prepare
own_up --ports $PORT,udp/$PORT --to 10.77.2.0/24,fd77:2::/64
own_reset

for cookies in 1 2; do
	r sysctl -qw net.ipv4.tcp_syncookies=$cookies
	is "tcp_syncookies=$cookies: 20 connections from one port" \
		"$(sock tcp4 "again=20,$SERVER4:$PORT")" "20 $(through $SERVER4 $PORT $ROUTER4 3)"
	is "tcp_syncookies=$cookies: 20 connections from one port, IPv6" \
		"$(sock tcp6 "again=20,[$SERVER6]:$PORT")" "20 $(through $SERVER6 $PORT $ROUTER6 3)"
done
like "SYNs met a socket in TIME_WAIT" "$(counter time_wait)" "^[1-9]"
like "ACKs brought a SYN cookie" "$(counter syn_cookie)" "^[1-9]"
none_direct "none of it reaches the server"
own_down
finish
