#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Own traffic: datagrams that lo can only carry in fragments.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

prepare
own_up --ports $PORT,udp/$PORT --to 10.77.2.0/24,fd77:2::/64
r ip link set lo mtu 1500
own_reset

for size in 1472 1473 9000 30000; do
	is "IPv4: $size bytes" "$(sock udp4 "ask=$SERVER4:$PORT,$size")" "$(through $SERVER4 $PORT $ROUTER4 $size)"
	is "IPv6: $size bytes" "$(sock udp6 "ask=[$SERVER6]:$PORT,$size")" "$(through $SERVER6 $PORT $ROUTER6 $size)"
	is "IPv4: $size bytes, connected" "$(sock udp4 "connect=$SERVER4:$PORT" "say=$size")" \
		"$(through $SERVER4 $PORT $ROUTER4 $size)"
	is "IPv6: $size bytes, connected" "$(sock udp6 "connect=[$SERVER6]:$PORT" "say=$size")" \
		"$(through $SERVER6 $PORT $ROUTER6 $size)"
done
none_direct "none of it reaches the server"
own_down
finish
