#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# kill -9 of the relay under load, several times. Each new relay continues, and nothing bypasses
# it.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx dns
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,8080,udp/53 --to 10.77.2.0/24,fd77:2::/64
ok "flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset

for to in $SERVER4 $SERVER6; do
	churn_start "$to" 8080
done

for round in 1 2 3; do
	for to in $SERVER4 $SERVER6; do
		ok "round $round: load to $to" wait_for 15 churned_more "$to" 3 $(($(churned "$to" 3) + 20))
	done
	c curl -gsS -m 60 "http://$SERVER4/load" >/dev/null 2>&1 &
	transfer=$!
	relay_stop KILL
	ok "round $round: the next relay starts" relay_start
	ok "round $round: TCP is served" steering $SERVER4 $SERVER6
	is "round $round: UDP is served" "$(dig_at $SERVER4 test.tproxy A)" 10.77.2.200
	ok "round $round: the cut transfer ends, it does not hang" wait_for 20 process_gone $transfer
done
churn_stop
is "no flow went direct" "$(churned $SERVER4 4) $(churned $SERVER6 4)" "0 0"
is "no datagram bypassed the relay" "$(bypassed udp)" 0
do_ok "detach --all" loader detach --all
ok "flows go straight" direct $SERVER4
finish
