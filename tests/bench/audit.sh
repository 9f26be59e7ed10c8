#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Measures flows that an audit rule forwards beside plain forwarding, interleaved, and judges nothing.
# "other" are flows of no rule while another rule audits; "plain" is a router without us. Writes
# build/bench-audit.json and a table. PAIRS, SECONDS_EACH and TESTS (bulk1 bulk4 crr rr) may be given.

# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"
bench_enter "${BENCH_LIMIT:-1800}" "$@"
# shellcheck source=tests/lib/topo.sh
. tests/lib/topo.sh
# shellcheck source=tests/lib/serve.sh
. tests/lib/serve.sh
# shellcheck source=tests/lib/tproxy.sh
. tests/lib/tproxy.sh

OUT=build/bench-audit.json
LOAD=$TOP/build/tests/helpers/load

bench_exit() {
	local rc=$?

	[[ $rc -eq 0 ]] || tail -n 5 "$WORK"/log/* >&2
	serve_stop_all
	topo_down
}
trap bench_exit EXIT
trap 'exit 1' TERM INT
ulimit -n "$(ulimit -Hn)"

topo_up >"$WORK/log/topology" 2>&1
for ns in "$CLIENT" "$ROUTER" "$SERVER"; do
	nsenter --net="/run/netns/$ns" sysctl -qw net.ipv4.ip_local_port_range='1024 65535' \
		net.core.somaxconn=8192 net.ipv4.tcp_max_syn_backlog=8192 \
		net.ipv4.tcp_congestion_control="${CC:-reno}"
done
# what counts bypassing packets would cost plain forwarding time
r nft delete table inet bypass
for port in 7100 7101; do
	serve_run "load-$port" "$SERVER" "$LOAD" server $port
	wait_for 10 listening "$SERVER" tcp $port
done
loader -q attach r0
loader -q rule add watch --action audit --ports 7101
relay_start
echo "$LOADER -q --pin-dir $PINS detach r0" >"$WORK/plain.on"
echo "$LOADER -q --pin-dir $PINS attach r0" >"$WORK/plain.off"
# not through the function c: what python starts stays in its namespace
nsenter --net="/run/netns/$CLIENT" -- env ROUTER="$ROUTER" HOOKS="$WORK" \
	python3 tests/bench/tcp.py "$LOAD" $OUT \
	"${PAIRS:-9}" "${SECONDS_EACH:-2}" "${TESTS:-bulk1 bulk4 crr rr}" \
	"audit,$SERVER4,7101" "plain,$SERVER4,7100" "other,$SERVER4,7100"
echo "written to $OUT"
