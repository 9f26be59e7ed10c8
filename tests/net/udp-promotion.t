#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Busy flows get sockets of their own and lose them when they become quiet. No datagram is lost,
# changed or repeated, whatever the port and the source address.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/udp.sh"

prepare nginx
serve_peer echo 443
serve_peer echo 7007
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,udp/443,udp/7007 --to 10.77.2.0/24,fd77:2::/64
ok "new flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset

for to in $SERVER4 $SERVER6; do
	lossless "a few datagrams to $to" 20 "$(flow "$to" 7007 count=20 port=5000)"
	is "do not promote" "$(direct_sockets "$to" 7007)" 0
	for port in 7007 443; do
		lossless "singly, port $port of $to" 50000 \
			"$(flow "$to" $port count=50000 size=200 window=64 port=5001)"
		is "the flow has a socket of its own" "$(direct_sockets "$to" $port)" 1
		lossless "in runs of 32" 200000 \
			"$(flow "$to" $port count=200000 size=1200 window=128 gso=32 port=5002)"
		lossless "in runs whose last datagram is short of a full run" 1001 \
			"$(flow "$to" $port count=1001 size=500 window=64 gso=7 port=5003)"
	done
	for size in 1 1472 9000 60000; do
		lossless "datagrams of $size bytes on a promoted flow" 500 \
			"$(flow "$to" 7007 count=500 size=$size window=4 port=5001)"
	done
	lossless "200 flows at once" 40000 "$(flow "$to" 7007 count=40000 flows=200 window=100)"
	at_most "have no more than 64 sockets of their own" "$(direct_sockets "$to" 7007)" 64
done

for to in $SERVER4 $SERVER6; do
	flow_start "slow$to" "$to" 7007 count=40 pause=200 port=5001
done
for to in $SERVER4 $SERVER6; do
	ok "a flow that is slow now gives its socket back" wait_for 20 direct_sockets_are "$to" 7007 0
	lossless "and lost nothing" 40 "$(flow_end "slow$to")"
	lossless "busy again" 20000 "$(flow "$to" 7007 count=20000 port=5001)"
	is "it is promoted again" "$(direct_sockets "$to" 7007)" 1
done
bypass_none "no packet went past the relay"
relay_stop
like "the relay lost no datagram" "$(relay_ended .)" " 0 datagrams lost"

for mode in client-ip client-ip-port; do
	ok "a relay with $mode starts" relay_start --source $mode
	do_ok "attach the servers' side" loader attach r1 --divert-only
	ok "its flows are relayed" wait_for 10 recorded $SERVER4
	for to in $SERVER4 $SERVER6; do
		lossless "$mode: runs to $to" 100000 \
			"$(flow "$to" 443 count=100000 size=1200 window=128 gso=16 port=5004)"
		is "$mode: the flow was promoted" "$(direct_sockets "$to" 443)" 1
	done
	relay_stop
done
finish
