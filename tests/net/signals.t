#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# No signal ends the relay or its helper process, except those that are meant to. A flow continues
# through all of them.
. "$(dirname "$0")/../lib/test.sh"

# Those that end the process by intent, and those of a terminal, which stop it.
MEANT=" $(kill -l TERM) $(kill -l INT) $(kill -l QUIT) $(kill -l KILL) $(kill -l STOP) $(kill -l TSTP) \
$(kill -l TTIN) $(kill -l TTOU) $(kill -l ABRT) $(kill -l BUS) $(kill -l FPE) $(kill -l ILL) \
$(kill -l SEGV) $(kill -l SYS) $(kill -l TRAP) "

# send SIGNAL PID — also the real-time signals that libc keeps for itself
send() { python3 -c 'import os, sys; os.kill(int(sys.argv[2]), int(sys.argv[1]))' "$@"; }

HELPER=
# all_signals PID — each signal that means nothing else
all_signals() {
	local n

	for n in {1..64}; do
		[[ $MEANT == *" $n "* ]] || send "$n" "$1" || return
	done
}
alive() { ! process_gone "$1"; }
get_helper() { HELPER=$(pgrep -P "$RELAY_PID") && [[ $HELPER =~ ^[0-9]+$ ]]; }

start_flow() {
	nsenter --net="/run/netns/$CLIENT" -- python3 "$LIB/net.py" hold "$SERVER4" 7007 "$WORK/go" >"$WORK/held" 2>&1 &
	FLOW=$!
	wait_for 10 grep -q up "$WORK/held"
}
end_flow() {
	touch "$WORK/go"
	wait "$FLOW"
	rm "$WORK/go"
	grep -q '^done' "$WORK/held"
}

prepare nginx echo
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,7007 --to 10.77.2.0/24
ok "flows go through the relay" steering $SERVER4
ok "it has a helper process" wait_for 10 get_helper
ok "a flow" start_flow
churn_start $SERVER4 80
ok "other flows, one after the other" wait_for 20 churned_more $SERVER4 1 20
ok "all signals to the relay" all_signals "$RELAY_PID"
ok "all signals to the helper" all_signals "$HELPER"
count=$(churned $SERVER4 1)
ok "flows continue" wait_for 20 churned_more $SERVER4 1 $((count + 20))
churn_stop
is "none failed" "$(churned $SERVER4 2)" 0
ok "the first flow lives" end_flow
ok "the relay lives" alive "$RELAY_PID"
ok "the helper lives" alive "$HELPER"
nok "the log does not miss it" grep -q 'ended unexpectedly' "$RELAY_LOG"

# SIGUSR1 and SIGHUP may come while a large file is read
{
	printf '[relay]\ndeny ='
	python3 -c 'print(" ".join(f"{i >> 16}.{i >> 8 & 255}.{i & 255}.0/24" for i in range(65536, 365536)))' | fold -w 60000 -s | sed '2,$s/^/\t/'
} >"$WORK/large.conf"
relay_stop
RELAY_LOG=$WORK/log/large
"$RELAY" -n "$ROUTER" -c "$WORK/large.conf" >"$RELAY_LOG" 2>&1 </dev/null &
RELAY_PID=$!
disown "$RELAY_PID"
reads() { [[ $(readlink "/proc/$RELAY_PID/fd/"*) == *large.conf* ]]; }
ok "a start that takes its time" wait_for 10 reads
ok "signals to it" all_signals "$RELAY_PID"
ok "it starts" relay_says listening
ok "and reads again after its start, as SIGHUP wants" relay_says 'SIGHUP: lists'
relay_stop
ok "SIGTERM ends it" relay_says 'draining'

for sig in INT QUIT; do
	ok "a relay" relay_start
	relay_stop "$sig"
	ok "SIG$sig drains it" relay_says 'draining'
	ok "SIG$sig ends it" relay_says 'ended: '
done
finish
