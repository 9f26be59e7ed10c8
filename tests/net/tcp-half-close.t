#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# One end closes at once, and the other continues for longer than the relay waits for a half-closed
# connection without data: it sends a byte a second, or nothing for nearly that long and then much.
# All cases run at the same time.
. "$(dirname "$0")/../lib/test.sh"

prepare peer
ok "the relay starts" relay_start --half-closed-timeout 20
do_ok "attach" loader attach r0 --ports 7007
ok "the relay relays" wait_for 10 whole 1
bypass_reset

PLAYERS=()
# begin NAME ADDRESS CLIENT-PLAN SERVER-PLAN
begin() {
	play "$2" "$3,patience=90" "$4,patience=90" >"$WORK/play.$1" &
	PLAYERS+=($!)
}

for to in $SERVER4 $SERVER6; do
	begin "client-trickle-$to" "$to" send=500 send=25,seed=2,chunk=1,pace=1000,after=eof
	begin "server-trickle-$to" "$to" send=25,chunk=1,pace=1000,after=eof send=500,seed=2
	begin "client-burst-$to" "$to" send=500 send=3000000,seed=2,delay=15000,after=eof
	begin "server-burst-$to" "$to" send=3000000,delay=15000,after=eof send=500,seed=2
done
wait "${PLAYERS[@]}"
for to in $SERVER4 $SERVER6; do
	is "the client is done, the server trickles ($to)" "$(<"$WORK/play.client-trickle-$to")" \
		"client 25 same fin, server 500 same fin"
	is "the server is done, the client trickles" "$(<"$WORK/play.server-trickle-$to")" \
		"client 500 same fin, server 25 same fin"
	is "the client is done, the server sends much in the end" "$(<"$WORK/play.client-burst-$to")" \
		"client 3000000 same fin, server 500 same fin"
	is "the server is done, the client sends much in the end" "$(<"$WORK/play.server-burst-$to")" \
		"client 500 same fin, server 3000000 same fin"
done
long_ones() { [[ $(grep -cE ' dur=(2[4-9]|[3-9][0-9])\.[0-9]+ end=(client|server)-fin' "$RELAY_LOG") -ge 4 ]]; }
ok "four of the records are of more than 20 s" wait_for 20 long_ones
bypass_none "no packet went past the relay"
finish
