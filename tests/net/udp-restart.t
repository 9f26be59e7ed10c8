#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A million datagrams of one flow, through promotion, the take-over by a second relay that joined,
# and demotion at the end of the drain: none is lost.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/udp.sh"

COUNT=1000000

prepare nginx
serve_peer echo 443
for to in $SERVER4 $SERVER6; do
	lossless "the path itself loses nothing" $COUNT \
		"$(flow "$to" 443 count=$COUNT size=600 window=192 gso=64)"
done

ok "the relay starts" relay_start --listen 15002 --drain-timeout 4
do_ok "attach" loader attach r0 --ports 80,udp/443 --to 10.77.2.0/24,fd77:2::/64
ok "new flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset

# paced, so that they last longer than the drain: at most 64 datagrams a millisecond
for to in $SERVER4 $SERVER6; do
	flow_start "$to" "$to" 443 count=$COUNT size=600 window=192 gso=64 pause=1
done
for to in $SERVER4 $SERVER6; do
	ok "the flow to $to is promoted" wait_for 20 direct_sockets_are "$to" 443 1
	ok "and continues" wait_for 20 answers_reach "$to" 20000
done
first=$RELAY_PID
ok "another relay joins it" relay_start --listen 15012 --join
ok "it is registered" relay_says "registered in"
before=$(answers $SERVER4)
kill -TERM "$first"
ok "flows continue during the drain" wait_for 20 answers_reach $SERVER4 $((before + 20000))
ok "the old relay ends" wait_for 20 process_gone "$first"
like "it lost nothing" "$(grep -h ' ended: ' "$WORK/log/relay.1")" " 0 datagrams lost"
for to in $SERVER4 $SERVER6; do
	nok "the flow to $to outlives it" process_gone "${FLOW_PID[$to]}"
	ok "the new relay has promoted it" wait_for 20 direct_sockets_are "$to" 443 1
done
for to in $SERVER4 $SERVER6; do
	lossless "nothing was lost on the way to $to" $COUNT "$(flow_end "$to" 90)"
done
bypass_none "no packet went past the relays"
finish
