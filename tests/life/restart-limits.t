#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Each relay takes over from the previous one, a hundred times, while clients have as many flows as
# max-flows-per-source allows. A client never gets more, no connection below its cap fails, and
# quiet UDP flows keep the port that the server sees.
. "$(dirname "$0")/../lib/test.sh"

ROUNDS=100
CAP=8

prepare
serve_run greet "$SERVER" python3 "$LIB/net.py" greet 7007
wait_for 10 listening "$SERVER" udp 7007 || fatal "the server starts"
limited() { relay_start --max-flows-per-source $CAP --workers 2; }

greeted() { [[ $(c timeout 3 bash -c "exec 3<>/dev/tcp/$SERVER4/7007; head -n 1 <&3") == "$ROUTER4 "* ]]; }

# full ADDRESS — the client is at its cap towards that server
full_pids=()
full() {
	nsenter --net="/run/netns/$CLIENT" -- python3 "$LIB/caps.py" "$1" 7007 $CAP 5 \
		"$WORK/caps$1" >"$WORK/log/caps-$1" 2>&1 &
	full_pids+=($!)
	disown $!
}
done_at() { cut -d' ' -f"$2" "$WORK/caps$1" 2>/dev/null || echo 0; }
rounds_more() { [[ $(done_at "$1" 1) -ge $2 ]]; }

ok "the relay starts" limited
do_ok "attach" loader attach r0 --ports 7007,udp/7007 --to 10.77.2.0/24,fd77:2::/64
wait_for 10 greeted || fatal "flows go through the relay"
bypass_reset
for to in $SERVER4 $SERVER6; do
	full "$to"
	ok "a client is at its cap towards $to" wait_for 20 rounds_more "$to" 2
done

handed=0
old=()
for ((i = 1; i <= ROUNDS; i++)); do
	old+=("$RELAY_PID")
	limited || break
	grep -q "taking the listeners over" "$RELAY_LOG" && handed=$((handed + 1))
done
is "restarts that took over" $handed $ROUNDS
for to in $SERVER4 $SERVER6; do
	ok "the client of $to continues" wait_for 20 rounds_more "$to" $(($(done_at "$to" 1) + 3))
done
for pid in "${full_pids[@]}"; do
	kill -TERM "$pid"
	ok "its client ends" wait_for 20 process_gone "$pid"
done
for to in $SERVER4 $SERVER6; do
	is "$to: connections below the cap that failed" "$(done_at "$to" 2)" 0
	is "$to: connections above the cap that were served" "$(done_at "$to" 3)" 0
	is "$to: datagrams from another port, or without an answer" "$(done_at "$to" 4)" 0
	tap_comment <"$WORK/log/caps-$to"
done
gone() {
	local pid

	for pid in "${old[@]}"; do
		process_gone "$pid" || return
	done
}
ok "the old ones end by themselves" wait_for 30 gone
bypass_none "nothing went past"
finish
