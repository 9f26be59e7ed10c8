#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Fragmented datagrams cross the relay whole in both directions, also over narrow links and with
# the address of the client. Fragments out of order may be lost but harm no later datagram.
. "$(dirname "$0")/../lib/test.sh"

moved() { # DESCRIPTION COUNTER BEFORE LEAST
	like "$1" "$(($(counter "$2") - $3 >= $4))" 1
}

prepare nginx echo
serve_run echo53 "$SERVER" python3 "$LIB/net.py" echo 53
wait_for 10 listening "$SERVER" udp 53 || fatal "the second echo server starts"
ok "the relay starts" relay_start --log-level debug
do_ok "attach" loader attach r0 --ports 80,udp/53,udp/7007 --to 10.77.2.0/24,fd77:2::/64
ok "new flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset

sizes() { # NAME ADDRESS
	local size

	for size in 4000 60000; do
		is "$1: $size bytes to $2 and back" "$(cpy udp "$2" 7007 $size 2)" 2
	done
}

first=$(counter frag_first) next=$(counter frag_next) lookup=$(counter lookup)
for to in $SERVER4 $SERVER6; do
	sizes "full-size links" "$to"
	ok "the relay got the right destination" relay_says \
		"udp .*-> $(escaped "$(bracket "$to")"):7007"
	is "4000 bytes to a port below 1024 of $to and back" "$(cpy udp "$to" 53 4000 2)" 2
done
moved "first fragments were counted" frag_first "$first" 8
moved "later fragments were counted" frag_next "$next" 80
moved "sk_lookup chose the socket of reassembled datagrams" lookup "$lookup" 8

ip -n "$CLIENT" link set c0 mtu 1280
ip -n "$ROUTER" link set r0 mtu 1280
for to in $SERVER4 $SERVER6; do
	sizes "1280 on the client's link" "$to"
done
ip -n "$ROUTER" link set r1 mtu 1300
ip -n "$SERVER" link set s0 mtu 1300
for to in $SERVER4 $SERVER6; do
	sizes "1280 and 1300" "$to"
done

for to in $SERVER4 $SERVER6; do
	is "crafted fragments to $to in order" "$(corner fragments "$to" 7007 4000 all)" whole
	is "the first one first, then any order, to $to" \
		"$(corner fragments "$to" 7007 4000 "0,3,1,2")" whole
done
is "an IPv6 datagram that is its own only fragment" "$(corner fragments $SERVER6 7007 600 one)" whole
bypass_none "no packet went past the relay, nor did a fragment"

for to in $SERVER4 $SERVER6; do
	for order in 3,2,1,0 1,2,3 0,1; do
		like "order $order to $to" "$(corner fragments "$to" 7007 4000 $order)" "^(whole|nothing)$"
		is "the next one is whole" "$(corner fragments "$to" 7007 4000 all)" whole
	done
done

do_ok "a drop rule for another port" loader rule add shut --ports udp/7009 --action drop --before default
bypass_reset
before=$(counter frag_drop)
for to in $SERVER4 $SERVER6; do
	is "fragments to $to that a rule drops" "$(corner fragments "$to" 7009 4000 all)" nothing
done
moved "each later one was dropped and counted" frag_drop "$before" 4
bypass_none "no fragment of a dropped datagram was forwarded"

relay_stop
ok "a relay with the client's address starts" relay_start --source client-ip --log-level debug
do_ok "attach the servers' side" loader attach r1 --divert-only
ok "its flows are relayed" wait_for 10 recorded $SERVER4
bypass_reset
for to in $SERVER4 $SERVER6; do
	sizes "client's address" "$to"
	is "the server sees the client's address" "$(cpy udp-who "$to" 7007 | cut -d' ' -f1)" \
		"$([[ $to == *:* ]] && echo $CLIENT6 || echo $CLIENT4)"
done
bypass_none "no packet went past that relay, nor did a fragment"
finish
