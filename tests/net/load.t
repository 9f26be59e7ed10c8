#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# attach and detach under load: transfers from before attach are untouched, attach costs no
# connection, and nothing stalls.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
sum=$(sum_of "$WORK/www/load")
ok "the relay starts" relay_start
snapshot >"$WORK/before"

pids=()
for to in $SERVER4 $SERVER6; do
	for i in 1 2 3; do
		cpy get "$to" 80 /load "$WORK/progress$to$i" >"$WORK/get$to$i" 2>&1 &
		pids+=($!)
	done
	churn_start "$to" 8080
done
for to in $SERVER4 $SERVER6; do
	ok "direct flows to $to run" wait_for 10 churned_more "$to" 4 10
	for i in 1 2 3; do
		ok "transfer $i from $to runs" wait_for 10 test -s "$WORK/progress$to$i"
	done
done

reached() { # WHAT COLUMN — twenty more of them in both families
	local to

	for to in $SERVER4 $SERVER6; do
		ok "$1: new flows to $to arrive" wait_for 15 churned_more "$to" "$2" $(($(churned "$to" "$2") + 20))
	done
}

# Detach gives up relayed flows: each churn may lose the one it has under way, no more.
allowed=0
failures() { # WHEN
	at_most "$1: IPv4 flows lost" "$(churned $SERVER4 2)" $allowed
	at_most "$1: IPv6 flows lost" "$(churned $SERVER6 2)" $allowed
}

for round in 1 2 3 4; do
	do_ok "attach, round $round" loader attach r0 --ports 80,8080 --to 10.77.2.0/24,fd77:2::/64
	reached "attached, round $round" 3
	failures "attached, round $round"
	allowed=$((allowed + 1))
	if ((round % 2)); then
		do_ok "detach r0, round $round" loader detach r0
	else
		do_ok "detach --all, round $round" loader detach --all
	fi
	reached "detached, round $round" 4
	failures "detached, round $round"
done
churn_stop

wait "${pids[@]}"
for to in $SERVER4 $SERVER6; do
	for i in 1 2 3; do
		read -r got bytes gap <"$WORK/get$to$i"
		is "transfer $i from $to is whole ($bytes bytes)" "$got" "$sum"
		at_most "transfer $i from $to never stalled" "$gap" 4
	done
done
unchanged "nothing is left" "$WORK/before"
finish
