#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A host with 5 000 addresses, on which addresses, links and routes change all the time: flows of the
# relay do not wait for that, and none is moved or reset.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/talk.sh"
. "$(dirname "$0")/../lib/udp.sh"
. "$(dirname "$0")/../lib/path.sh"

addresses() {
	local i j

	for ((i = 0; i < 20; i++)); do
		for ((j = 1; j <= 250; j++)); do
			echo "addr add 10.90.$i.$j/32 dev lo"
		done
	done
}

changes() {
	local i

	echo "link add storm type dummy"
	for ((i = 1; i <= 200; i++)); do
		echo "addr add 10.91.0.$i/32 dev r1"
		echo "addr add fd77:91::$i/128 dev lo nodad"
		echo "route add 10.94.0.$i/32 via $SERVER4"
		echo "addr del 10.91.0.$i/32 dev r1"
		echo "addr del fd77:91::$i/128 dev lo"
		echo "route del 10.94.0.$i/32"
	done
	echo "link del storm"
}

storm() { # without end
	changes >"$WORK/changes"
	(while :; do
		ip -n "$ROUTER" -force -batch "$WORK/changes"
	done) >/dev/null 2>&1 &
	STORM=$!
	disown $STORM
}

prepare echo
serve_greet 7001
serve_peer echo 7004
addresses >"$WORK/addresses"
ok "5 000 addresses" ip -n "$ROUTER" -batch "$WORK/addresses"
ok "the relay starts" relay_start --workers 2
do_ok "attach" loader attach r0 --ports 7007,udp/7001,udp/7004
both a 7001
ok "a connection runs" line b4 $SERVER4
ok "one of IPv6, too" line b6 $SERVER6
storm
read -r _ _ most _ <<<"$(c python3 "$LIB/lag.py" $SERVER4 7004 10)"
at_most "nineteen of twenty questions wait for less than, in ms" "$most" 100
goes_on "a flow" a4 $ROUTER4
goes_on "an IPv6 flow" a6 $ROUTER6
line_lives "the connection lives" b4
line_lives "so does that of IPv6" b6
is "no flow was moved or reset" "$(grep -c 'path: ' "$RELAY_LOG")" 0
stop $STORM
bypass_none "no packet went past the relay"
finish
