#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A client uses a port again within TIME_WAIT, or for two destinations at once, with every kind of
# source address. The server may be a neighbour of the client.
. "$(dirname "$0")/../lib/test.sh"

NEIGHBOUR=${TP_SANDBOX}-n NEIGHBOUR4=10.77.1.9 NEIGHBOUR6=fd77:1::9
WHOLE="client 30000 same fin, server 20000 same fin"

# A third host on the client's own network, which the client reaches by way of the router all the same.
neighbour_up() {
	ip netns add "$NEIGHBOUR" &&
		ip -n "$CLIENT" link add br0 type bridge &&
		ip -n "$CLIENT" link add n1 type veth peer name n0 netns "$NEIGHBOUR" &&
		ip -n "$CLIENT" addr flush dev c0 &&
		ip -n "$CLIENT" link set c0 master br0 &&
		ip -n "$CLIENT" link set n1 master br0 up &&
		topo_address "$CLIENT" br0 "$CLIENT4/24" "$CLIENT6/64" &&
		topo_address "$NEIGHBOUR" n0 "$NEIGHBOUR4/24" "$NEIGHBOUR6/64" &&
		ip -n "$CLIENT" route replace default via "$GATE4" &&
		ip -n "$CLIENT" route replace default via "$GATE6" &&
		ip -n "$CLIENT" route add "$NEIGHBOUR4" via "$GATE4" &&
		ip -n "$CLIENT" route add "$NEIGHBOUR6" via "$GATE6" &&
		serve_run neighbour "$NEIGHBOUR" python3 "$LIB/peer.py" serve 7007 &&
		wait_for 10 listening "$NEIGHBOUR" tcp 7007
}

again() { # ADDRESS PORT — the server ends first: the router's socket keeps the TIME_WAIT
	local i

	for i in 1 2 3; do
		is "$mode: flow $i from port $2 to $1" \
			"$(play "$1" sport="$2",send=20000,seed="$i",after=eof send=30000)" "$WHOLE"
	done
}

at_once() { # PORT ADDRESS ADDRESS
	local other

	play "$2" sport="$1",send=20000,chunk=2000,pace=30 send=30000,chunk=2000,pace=30 >"$WORK/first" &
	other=$!
	is "$mode: port $1 to $3" \
		"$(play "$3" sport="$1",send=20000,chunk=2000,pace=30 send=30000,chunk=2000,pace=30)" "$WHOLE"
	wait $other
	is "$mode: and to $2 at the same time" "$(<"$WORK/first")" "$WHOLE"
}

prepare peer
ok "there is a neighbour" neighbour_up
do_ok "attach the client's side" loader attach r0 --ports 7007
for mode in own client-ip client-ip-port; do
	if [[ $mode == client-ip ]]; then
		do_ok "attach the servers' side" loader attach r1 --divert-only
	fi
	ok "a relay with source $mode starts" relay_start --source $mode
	again $SERVER4 41000
	again $SERVER6 41000
	at_once 41001 $SERVER4 $EXTRA4
	at_once 41001 $SERVER6 $EXTRA6
	if [[ $mode == own ]]; then
		is "the client's neighbour is the server" \
			"$(play $NEIGHBOUR4 send=20000 send=30000)" "$WHOLE"
		is "the same, IPv6" "$(play $NEIGHBOUR6 send=20000 send=30000)" "$WHOLE"
		ok "the flow went through the relay" relay_says "$(record tcp $CLIENT4 $NEIGHBOUR4 7007)"
	fi
	relay_stop
done
bypass_none "no packet went past the relay"
finish
