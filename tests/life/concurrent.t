#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Many loaders at the same time: each waits for its turn, and none breaks the state of another.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
snapshot >"$WORK/before"
ok "the relay starts" relay_start

all_at_once() { # NAME — commands on stdin, one a line, arguments of the loader
	local name=$1 line pids=() failed=0 pid

	while read -r line; do
		# shellcheck disable=SC2086 # words are arguments
		loader $line >>"$WORK/log/concurrent" 2>&1 </dev/null &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || failed=$((failed + 1))
	done
	is "$name: all succeed" $failed 0
}

for round in 1 2 3; do
	all_at_once "attach, round $round" < <(for i in 1 2 3 4; do
		echo "attach r0 --ports 80 --to 10.77.2.0/24,fd77:2::/64"
		echo "attach r1 --divert-only"
	done)
	ok "flows are relayed" steering $SERVER4 $SERVER6
	all_at_once "edits, round $round" < <(for i in {1..16}; do
		echo "cidr add 10.88.$i.0/24"
		echo "port add tcp/$((9000 + i))"
	done)
	is "every prefix exists" "$(bpftool -j map dump pinned "$PINS/dst4" | grep -o '"0x0a","0x58"' | wc -l)" 16
	is "every port exists" "$(bpftool -j map dump pinned "$PINS/ports" | grep -o '"0x06","0x00","0x23"' | wc -l)" 16
	all_at_once "attach and detach mixed, round $round" < <(for i in 1 2 3 4; do
		echo "detach --all"
		echo "attach r0 --ports 80 --to 10.77.2.0/24,fd77:2::/64"
	done)
	do_ok "attach after the mixture, round $round" loader attach r0 --ports 80 --to 10.77.2.0/24,fd77:2::/64
	ok "flows are relayed" steering $SERVER4 $SERVER6
	do_ok "detach --all, round $round" loader detach --all
	unchanged "nothing is left, round $round" "$WORK/before"
done
finish
