#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A datagram that is routed in a circle through the relay ends by its TTL, as it would without the
# relay.
. "$(dirname "$0")/../lib/test.sh"

LOST4=10.77.9.9 LOST6=fd77:9::9 # routed to the client, which sends it back

prepare nginx
ip -n "$ROUTER" route add 10.77.9.0/24 via $CLIENT4
ip -n "$ROUTER" route add fd77:9::/64 via $CLIENT6
c sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
for side in c r; do
	for dev in all c0 r0; do
		$side sysctl -qw net.ipv4.conf.$dev.send_redirects=0 2>/dev/null
	done
done
for where in "c c0" "r r0" "r r1"; do
	read -r side dev <<<"$where"
	$side nft "add table netdev on-$dev; add counter netdev on-$dev ring
		add chain netdev on-$dev in { type filter hook ingress device $dev priority -500; }
		add rule netdev on-$dev in udp dport 2222 counter name ring"
done

on() { packets "$1" netdev "on-$2" ring; } # SIDE DEV
seen() { echo "$(on c c0) $(on r r0) $(on r r1)"; }

# the numbers have been the same for some looks
settled() {
	local now

	now=$(seen)
	[[ $now == "$SETTLED_AT" ]] && SETTLED=$((SETTLED + 1)) || SETTLED=0
	SETTLED_AT=$now
	[[ $SETTLED -ge 10 ]]
}

# circle NAME ADDRESS LEAST — sends one, and looks how often it came by
circle() {
	local before after

	SETTLED=0 SETTLED_AT=
	before=$(seen)
	s python3 -c 'import socket, sys
u = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, 2)
u.sendto(b"x", (sys.argv[1], 2222))' "$2"
	wait_for 30 settled
	after=$(seen)
	read -r -a before <<<"$before"
	read -r -a after <<<"$after"
	at_most "$1: one datagram to $2 comes by the client" $((after[0] - before[0])) 64
	at_most "$1: and by the router" $((after[1] - before[1])) 64
	ok "$1: it did get into the circle" [ $((after[1] - before[1])) -ge "$3" ]
}

circle "without a relay" $LOST4 20
circle "without a relay" $LOST6 20
for mode in own client-ip client-ip-port; do
	ok "a relay with source $mode starts" relay_start --source $mode
	do_ok "attach" loader attach r0 --ports 80,udp/2222
	ok "it is registered" relay_says "registered in"
	# with the router's own address the kernel drops it as a martian when it comes back
	least=$([[ $mode == own ]] && echo 1 || echo 20)
	circle "$mode" $LOST4 "$least"
	circle "$mode" $LOST6 "$least"
	if [[ $mode == client-ip ]]; then
		ok "$mode: the data path counts it" [ "$(counter loop)" -gt 20 ]
		ok "$mode: the log explains it" relay_says ' warn loop: our own flow '
	fi
	relay_stop
	[[ $mode != client-ip ]] ||
		ok "$mode: and calls the flows a loop" grep -Eq ' udp .* end=.* loop$' "$RELAY_LOG"
	do_ok "detach" loader detach --all
done
finish
