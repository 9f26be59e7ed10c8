#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Relays that have retired but still have flows: over several restarts the relay that serves passes
# SIGHUP and SIGTERM on to them, and ends after them. If it dies, their flows continue. They end by
# retire-timeout. Flow ids continue from one relay to the next, also if one dies at a step.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/strace.sh
. "$TOP/tests/lib/strace.sh"
# shellcheck source=tests/lib/handover.sh
. "$TOP/tests/lib/handover.sh"

CONF=$WORK/relay.conf
printf '[relay]\nworkers = 2\n' >"$CONF"
HELD=()
hold() { # NAME — a flow that lasts until $WORK/go-NAME appears; prints "done" if it lived
	local name=$1

	rm -f "$WORK/go-$name"
	c timeout 120 python3 "$LIB/net.py" hold "$SERVER4" 7007 "$WORK/go-$name" >"$WORK/held-$name" 2>&1 &
	HELD+=($!)
	disown $!
	wait_for 10 grep -q up "$WORK/held-$name"
}
lives() { # NAME — the flow still carries data
	touch "$WORK/go-$1"
	wait_for 10 grep -q 'done' "$WORK/held-$1"
}
# generation NAME [ARGS…] — the next relay, which takes over from the last one, with a flow
generation() {
	local name=$1
	shift

	ok "relay $name starts" relay_start -c "$CONF" "$@"
	PID[$name]=$RELAY_PID
	LOG[$name]=$RELAY_LOG
	ok "it serves" steering $SERVER4
	ok "a flow begins there" hold "$name"
}
says() { wait_for 10 grep -Eq -- "$2" "${LOG[$1]}"; }
declare -A PID LOG

prepare nginx echo
strace_works
do_ok "attach" loader attach r0 --ports 80,7007 --to 10.77.2.0/24
generation a
generation b
ok "a has retired" says a 'hand-over: done'
generation c
ok "b has retired" says b 'hand-over: done'

# --- signals reach two generations ---
kill -HUP "${PID[c]}"
ok "SIGHUP to c: c reads its lists" says c 'SIGHUP: lists and limits were read again'
ok "b does" says b 'SIGHUP: lists and limits were read again'
ok "a does" says a 'SIGHUP: lists and limits were read again'
printf '[relay]\nworkers = nonsense\n' >"$CONF"
kill -HUP "${PID[c]}"
ok "an error is logged by each" says a 'SIGHUP: the old lists and limits stay'
printf '[relay]\nworkers = 2\n' >"$CONF"
listed() { r "$RELAY" --list | grep -cE "^ *[0-9]+ +tcp .*:7007 "; }
is "the list of flows has those of all three" "$(listed)" 3
ok "the flow of a lives" lives a
ok "a ends with it" wait_for 10 process_gone "${PID[a]}"
ok "another relay after that" relay_start -c "$CONF"
PID[d]=$RELAY_PID LOG[d]=$RELAY_LOG
ok "c has retired" says c 'hand-over: done'
kill -TERM "${PID[d]}"
ok "SIGTERM to d: b drains" says b 'draining for up to'
ok "c drains" says c 'draining for up to'
nok "d has no flow, but stays" process_gone "${PID[d]}"
unlike "nobody was hurried" "$(cat "${LOG[b]}" "${LOG[c]}")" 'second signal|end=drain'
kill -TERM "${PID[d]}"
for name in b c d; do
	ok "a second SIGTERM: $name ends" wait_for 10 process_gone "${PID[$name]}"
done
like "the flow of b is reset" "$(<"${LOG[b]}")" ':7007 .*end=drain'
like "the flow of c is reset" "$(<"${LOG[c]}")" ':7007 .*end=drain'

# --- the relay that serves dies; the limit of time ---
generation e --retire-timeout 8
generation f
ok "e has retired" says e 'hand-over: done, the flows that are left end here within 8 s'
kill -KILL "${PID[f]}"
ok "f is killed: e notices" says e 'the relay that serves has ended, the flows here continue'
nok "e continues" process_gone "${PID[e]}"
ok "a flow continues after the death of the next relay, until retire-timeout" says e 'retire-timeout: resetting'
ok "then e ends" wait_for 10 process_gone "${PID[e]}"
like "its flow is reset" "$(<"${LOG[e]}")" ':7007 .*end=drain'

# --- a log file that is rotated: a retired relay has no helper to open it again ---
FILE=$WORK/log/relay.file
start_with_file() { # as relay_start
	"$RELAY" -n "$ROUTER" --log-file "$FILE" >>"$WORK/log/file.out" 2>&1 </dev/null &
	RELAY_PID=$!
	disown $!
	wait_for 10 relay_pid_in_file
}
relay_pid_in_file() { [[ $(grep -c 'listening on' "$FILE") -eq $started ]]; }
started=1
ok "a relay with a log file starts" start_with_file
ok "it serves" steering $SERVER4
ok "a flow begins there" hold g
started=2
ok "another one takes over" start_with_file
mv "$FILE" "$FILE.1"
kill -USR1 "$RELAY_PID"
reopened() { [[ $(grep -c 'opened again' "$FILE") -eq 2 ]]; }
ok "both open the file again" wait_for 10 reopened
ok "the flow of the first one ends" lives g
ok "its record is in the new file" wait_for 10 grep -q ':7007 .*end=' "$FILE"
relay_stop

# --- ids ---
ids() { sed -n 's/.*"id":\([0-9]*\).*/\1/p' "${logs[@]}"; }
visits() { for _ in 1 2 3 4 5; do whoami_at $SERVER4 >/dev/null; done; }
logs=()
for ((i = 1; i <= 4; i++)); do
	ok "relay $i of four starts" relay_start --log-format json --workers $((1 + i % 3))
	logs+=("$RELAY_LOG")
	ok "it serves" steering $SERVER4
	visits
done
# five visits, and one or more of `steering`
recorded_all() {
	local log

	for log in "${logs[@]}"; do
		[[ $(grep -c '"id"' "$log") -ge 6 ]] || return
	done
}
ok "all flows are recorded" wait_for 10 recorded_all
is "no id is given twice" "$(ids | sort | uniq -d)" ""
highest=$(ids | sort -n | tail -n 1)
ok "each relay begins after the one before" grep -q "\"id\":${highest}[,}]" "${logs[3]}"

# --- the old relay ends while the new one is at a step: before it asks, serves, is done ---
is_at() { [[ $(grep -c tpxh "$WORK/trace") -eq $1 ]]; }
# ends SIGNAL STEP — the step of the new relay is its message of that number, which comes late
ends() {
	local signal=$1 step=$2 old=$RELAY_PID log tracer

	log=$WORK/log/relay.$((RELAY_RUN + 1))
	RELAY_RUN=$((RELAY_RUN + 1))
	logs=("$RELAY_LOG" "$log")
	rm -f "$WORK/trace"
	strace -f -qq -o "$WORK/trace" -e trace=sendmsg,connect -e "inject=sendmsg:delay_enter=2000000:when=$step" \
		"$RELAY" -n "$ROUTER" --log-format json >"$log" 2>&1 </dev/null &
	tracer=$!
	disown $tracer
	ok "$signal at step $step: the new relay is there" wait_for 10 is_at "$step"
	sleep 0.3 # in the middle of the step
	kill "-$signal" "$old"
	ok "$signal at step $step: the new relay serves" wait_for 20 grep -q listening "$log"
	ok "$signal at step $step: the old one is gone" wait_for 10 process_gone "$old"
	RELAY_LOG=$log
	RELAY_PID=$(pgrep -P $tracer -x tproxy-relay)
	ok "flows are served" steering $SERVER4
	visits
	is "no id is given twice" "$(ids | sort | uniq -d)" ""
}
for signal in KILL TERM; do
	for step in 1 2 3; do
		ends $signal $step
	done
done

# --- an abort is not undone by what wakes the threads ---
relay_stop KILL
export NOTIFY_SOCKET=$WORK/notify.sock WATCHDOG_USEC=2000
unset WATCHDOG_PID
for ((i = 1; i <= 8; i++)); do
	ok "a relay with a hasty watchdog starts" relay_start --drain-timeout 60
	ok "flows go through it" steering $SERVER4
	ok "a flow begins" hold z
	kill -TERM "$RELAY_PID"
	ok "it drains" relay_says 'draining for up to 60'
	kill -TERM "$RELAY_PID"
	ok "the second SIGTERM ends it at once" wait_for 10 process_gone "$RELAY_PID"
done
for pid in "${HELD[@]}"; do
	stop "$pid" KILL
done
finish
