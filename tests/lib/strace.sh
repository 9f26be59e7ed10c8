# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Looks at the system calls of a program, lets one fail, or kills the program there. Needs test.sh.

strace_works() {
	command -v strace >/dev/null || fatal "strace is installed"
	try strace -o /dev/null true || fatal "strace works"
}

# relay_traced — strace is attached to all threads of the relay
relay_traced() {
	! cat "/proc/$RELAY_PID/task/"*/status | grep "^TracerPid:[[:space:]]*0" >/dev/null
}

relay_untraced() { ! grep -qE '^TracerPid:[[:space:]]*[1-9]' "/proc/$RELAY_PID/task/"*/status; }

# inject CALL ERRNO WHEN CMD… — runs CMD while these calls of the relay fail; WHEN 2+3 means the second
# and then each third; the trace is $WORK/strace
inject() {
	local call=$1 errno=$2 when=$3 tracer rc
	shift 3

	strace -qq -f -o "$WORK/strace" -e "trace=$call" -e "inject=$call:error=$errno:when=$when" \
		-p "$RELAY_PID" 2>"$WORK/strace.err" &
	tracer=$!
	wait_for 5 relay_traced
	"$@"
	rc=$?
	kill "$tracer"
	wait "$tracer" 2>/dev/null
	wait_for 5 relay_untraced
	return $rc
}

# calls_of — prints lines of "CALL COUNT" for a trace with process ids on standard input
calls_of() {
	sed -n 's/^[0-9]* *\([a-z0-9]*\)(.*/\1/p' | sort | uniq -c | awk '{ print $2, $1 }'
}

# points COUNT MAX — prints at most MAX numbers of 1…COUNT, with the first and the last
points() {
	awk -v n="$1" -v max="$2" 'BEGIN {
		if (n <= max) { for (i = 1; i <= n; i++) print i; exit }
		for (i = 0; i < max; i++) print 1 + int(i * (n - 1) / (max - 1) + 0.5)
	}'
}

# loader_calls CALLS VERB ARG… — prints "CALL COUNT" for each of these calls that the loader makes
loader_calls() {
	strace -f -qq -o "$WORK/trace" -e trace="$(tr ' ' , <<<"$1")" "$LOADER" -n "$ROUTER" "${@:2}" \
		>"$WORK/log/counted" 2>&1
	calls_of <"$WORK/trace"
}

# loader_killed CALL N VERB ARG… — SIGKILL ends the loader at its Nth CALL
loader_killed() {
	strace -f -qq -o /dev/null -e trace="$1" -e "inject=$1:signal=KILL:when=$2" \
		"$LOADER" -n "$ROUTER" "${@:3}" >>"$WORK/log/killed" 2>&1
	[[ $? -eq 137 ]]
}
