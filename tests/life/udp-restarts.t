#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# UDP flows outlive restarts of the relay with the same source port: quiet ones, slow ones and a busy
# one, which loses nothing. Each has one record, by the relay that it ends in, with all its bytes.
TEST_LIMIT=400
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/talk.sh"
. "$(dirname "$0")/../lib/udp.sh"

RESTARTS=${RESTARTS:-20}

ports() { # PORT — of the relay's sockets towards the servers there, sorted
	r ss -Hnu state established "dport = :$1" | awk '{ print $3 }' | sort -u
}
restart() { # ARGS… — a new relay takes over
	relay_start "$@" && wait_for 10 grep -q 'taking the listeners over' "$RELAY_LOG"
}

prepare
serve_greet 7001 7002
serve_peer echo 7004
ok "the relay starts" relay_start --workers 2
do_ok "attach" loader attach r0 --ports udp/7001-7004
both slow 7001
for i in 1 2 3 4 5 6; do
	ok "quiet flow $i runs" talk_start quiet$i $SERVER4 7002 3600
done
flow_start busy $SERVER4 7004 count=4000000 window=64 gso=16 pause=1 idle=500
ok "a busy flow runs" wait_for 20 answers_reach busy 20000
before1=$(ports 7001) before2=$(ports 7002) before4=$(ports 7004)
is "the quiet ones have six ports" "$(wc -l <<<"$before2")" 6

failed=0
for ((i = 0; i < RESTARTS; i++)); do
	restart --workers 2 || failed=$((failed + 1))
done
is "$RESTARTS restarts, failed" $failed 0
goes_on "a slow flow" slow4 $ROUTER4
goes_on "a slow IPv6 flow" slow6 $ROUTER6
for i in 1 2 3 4 5 6; do
	wake quiet$i
	ok "quiet flow $i continues" wait_for 10 answered quiet$i 2
done
is "the slow flows have their ports" "$(ports 7001)" "$before1"
is "so have the quiet ones" "$(ports 7002)" "$before2"
is "so has the busy one" "$(ports 7004)" "$before4"

ok "a relay with one worker takes over" restart --workers 1
for i in 1 2 3 4 5 6; do
	wake quiet$i
	ok "quiet flow $i continues" wait_for 10 answered quiet$i 3
done
is "they have their ports" "$(ports 7002)" "$before2"
is "no relay wrote a record so far" "$(cat "$WORK"/log/relay.* | grep -c ' udp .* end=')" 0

got=$(answers busy)
ok "the busy flow continues" wait_for 20 answers_reach busy $((got + 20000))
stop "${FLOW_PID[busy]}"
for name in "${!TALK_PID[@]}"; do
	stop "${TALK_PID[$name]}"
done
relay_stop
is "at the end each flow has one record" "$(cat "$WORK"/log/relay.* | grep -c ' udp .* end=')" 9
is "with all datagrams" "$(cat "$WORK"/log/relay.* | grep ' udp .*:7002 ' | grep -c 'up=9 down=.* datagrams=3/3 ')" 6
bypass_none "no packet went past the relay"
finish
