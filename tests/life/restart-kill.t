#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# kill -9 of a relay that takes over, at any system call until it reports that it serves: the old
# relay continues, and the next one can take over. FULL=1 tries every call instead of a sample.
TEST_LIMIT=$([[ -n ${FULL-} ]] && echo 3600 || echo 300)
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/strace.sh
. "$TOP/tests/lib/strace.sh"

SAMPLE=${FULL:+100000}
SAMPLE=${SAMPLE:-2}
calls="connect recvmsg getsockopt bind listen clone prctl setgroups setresuid epoll_ctl clone3 seccomp sendmsg"

# traced OPTION… — a relay that wants to take over, under strace
traced() {
	strace -f -qq "$@" "$RELAY" -n "$ROUTER" --workers 2 >>"$WORK/log/killed" 2>&1 </dev/null
}

# "CALL COUNT" a line, of the main thread's calls up to the one that ends the hand-over; strace
# counts each thread by itself
count_calls() {
	awk -v done='sendmsg.*"tpxh\\\\3' 'NR == 1 { main = $1 } $1 == main; $0 ~ done { exit }' \
		"$WORK/trace" | calls_of
}

prepare nginx
strace_works
ok "the relay starts" relay_start --workers 2
do_ok "attach" loader attach r0 --ports 80,8080 --to 10.77.2.0/24,fd77:2::/64
ok "flows go through the relay" steering $SERVER4 $SERVER6

# one that succeeds shows which calls there are; the next one takes over from it
first=$RELAY_PID
traced -o "$WORK/trace" -e trace="$(tr ' ' , <<<"$calls")" &
tracer=$!
ok "a relay under strace takes over" wait_for 20 process_gone "$first"
ok "the next one starts" relay_start --workers 2
ok "and takes over from that one" wait_for 20 process_gone $tracer
serving=$RELAY_PID
churn_start $SERVER4 8080
churn_start $SERVER6 8080

kills=0
while read -r call count; do
	for n in $(points "$count" "$SAMPLE"); do
		traced -o /dev/null -e trace="$call" -e "inject=$call:signal=KILL:when=$n"
		is "killed at $call $n of $count" $? 137
		kills=$((kills + 1))
		for to in $SERVER4 $SERVER6; do
			ok "$call $n: load to $to continues" wait_for 15 churned_more "$to" 3 $(($(churned "$to" 3) + 5))
		done
	done
done < <(count_calls)
nok "the relay has lived through it" process_gone "$serving"
ok "there were kills in every phase" test $kills -ge 12
ok "the next one starts" relay_start --workers 3
ok "it takes over" wait_for 20 process_gone "$serving"
churn_stop
is "connections that failed" "$(churned $SERVER4 2) $(churned $SERVER6 2)" "0 0"
is "connections that went direct" "$(churned $SERVER4 4) $(churned $SERVER6 4)" "0 0"
ok "flows are served" steering $SERVER4 $SERVER6
finish
