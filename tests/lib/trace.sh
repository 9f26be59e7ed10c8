# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# `tproxy-loader trace` in the background, and what it showed.

declare -A TRACE_PID=()

# trace_start NAME ARGS… — with -j; its output is $WORK/NAME, its messages $WORK/log/NAME
trace_start() {
	local name=$1
	shift

	"$LOADER" -n "$ROUTER" -j trace "$@" >"$WORK/$name" 2>"$WORK/log/$name" </dev/null &
	TRACE_PID[$name]=$!
	wait_for 60 grep -q ': tracing ' "$WORK/log/$name"
}

# trace_stop NAME [SIGNAL]
trace_stop() { stop "${TRACE_PID[$1]}" "${2:-INT}"; }

# traced NAME KEY=VALUE… — a line has all of them; a dot leads into an object, and a value in a list
# is enough
traced() { python3 "$LIB/trace.py" has "$WORK/$1" "${@:2}"; }

# traced_soon NAME KEY=VALUE… — the same, and waits for it
traced_soon() { wait_for 30 traced "$@"; }

# trace_count NAME KEY=VALUE… — how many lines
trace_count() { python3 "$LIB/trace.py" count "$WORK/$1" "${@:2}"; }

# trace_expect NAME <<LIST — a check for each line of the list: DESCRIPTION: KEY=VALUE…
trace_expect() {
	local result text

	while IFS=$'\t' read -r result text; do
		tap_result "$result" "$text"
	done < <(python3 "$LIB/trace.py" expect "$WORK/$1")
}

# trace_adds_up NAME — its summary: all that matched was shown or lost or came after the end
trace_adds_up() { python3 "$LIB/trace.py" adds-up "$WORK/$1"; }

# trace_left — programs of traces in the kernel
trace_left() { bpftool prog show | grep -E 'name kernel_drop'; }
no_trace_left() { ! trace_left; }

# can_trace_drops — may programs see what the kernel drops here? Else trace shows verdicts only.
can_trace_drops() {
	timeout 30 "$LOADER" -n "$ROUTER" trace --duration 1 >/dev/null 2>"$WORK/can-trace"
	! grep -q 'only verdicts' "$WORK/can-trace"
}
