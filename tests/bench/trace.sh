#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Measures, and judges nothing: what a packet of an established flow costs without a trace, with a
# trace of other flows, and with a trace that shows it. Interleaved; ROUNDS and PACKETS may be given.
# Writes build/bench-trace.json.

# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"
bench_enter 900 "$@"

ROUNDS=${ROUNDS:-31} PACKETS=${PACKETS:-20000}
FOREIGN=10.99.9.9 # routed, not ours
PIDS=()
trap 'kill "${PIDS[@]}" 2>/dev/null' EXIT

setup() { # NAME
	local ns=$TP_SANDBOX-$1

	bench_namespace "$1"
	ip -n "$ns" neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev tap0
	ip -n "$ns" route add 10.99.9.0/24 via 10.99.0.2
	./tproxy-loader -q -n "$ns" attach tap0 --ports 8080 --proxy 8080
}

# trace_in NAME ARGS… — returns when it is attached
trace_in() {
	local ns=$TP_SANDBOX-$1
	shift

	./tproxy-loader -n "$ns" trace "$@" >/dev/null 2>"$WORK/$ns" &
	PIDS+=($!)
	until grep -q ': tracing ' "$WORK/$ns"; do
		kill -0 "${PIDS[-1]}"
		sleep 0.1
	done
}

# twice without a trace: the difference is the noise
for name in none again other shown; do
	setup $name
done
trace_in other --src 10.88.0.0/16
trace_in shown
args=()
for name in none again other shown; do
	args+=("$name=$TP_SANDBOX-$name=$FOREIGN")
done
build/tests/bench/pktcost "$ROUNDS" "$PACKETS" "${args[@]}" >build/bench-trace.json
cat build/bench-trace.json
for pid in "${PIDS[@]}"; do
	kill -INT "$pid"
	wait "$pid" || true
done
PIDS=()
cat "$WORK/$TP_SANDBOX-shown" >&2
