#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Each relay takes over from the previous one, a hundred times under load, with different numbers
# of workers. No connection fails, no datagram bypasses the relay, and long transfers end in the
# relay where they began.
. "$(dirname "$0")/../lib/test.sh"

ROUNDS=100

prepare nginx echo
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,8080,udp/7007 --to 10.77.2.0/24,fd77:2::/64
ok "flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset
sum=$(sum_of "$WORK/www/load")

# takes longer than all the restarts, or at least begins with an early relay
cpy get $SERVER4 80 /load >"$WORK/long4" 2>&1 &
long4=$!
cpy get $SERVER6 80 /load >"$WORK/long6" 2>&1 &
long6=$!
churn_start $SERVER4 8080
churn_start $SERVER6 8080
for to in $SERVER4 $SERVER6; do
	ok "load to $to" wait_for 15 churned_more "$to" 3 20
done

old=()
handed=0
for ((i = 1; i <= ROUNDS; i++)); do
	old+=("$RELAY_PID")
	relay_start --workers $((1 + i % 5)) || break
	grep -q "taking the listeners over" "$RELAY_LOG" && handed=$((handed + 1))
	if ((i % 20 == 0)); then
		ok "restart $i: datagrams come back" test "$(cpy udp $SERVER4 7007 100 5)" = 5
	fi
done
is "restarts that took over" $handed $ROUNDS
for to in $SERVER4 $SERVER6; do
	ok "load to $to continues" wait_for 15 churned_more "$to" 3 $(($(churned "$to" 3) + 20))
done
churn_stop
is "connections that failed" "$(churned $SERVER4 2) $(churned $SERVER6 2)" "0 0"
is "connections that went direct" "$(churned $SERVER4 4) $(churned $SERVER6 4)" "0 0"
wait $long4 $long6
is "the long transfer is complete" "$(cut -d' ' -f1,2 "$WORK/long4")" "$sum 25165824"
is "also over IPv6" "$(cut -d' ' -f1,2 "$WORK/long6")" "$sum 25165824"
gone() {
	local pid

	for pid in "${old[@]}"; do
		process_gone "$pid" || return
	done
}
ok "the old ones end by themselves" wait_for 30 gone
is "one relay is left" "$(pgrep -xc tproxy-relay)" 1
bypass_none "nothing went past"
ok "the last one serves" steering $SERVER4 $SERVER6
relay_stop
is "without a relay nothing is served" "$(cpy probe $SERVER4 80 2)" timeout
finish
