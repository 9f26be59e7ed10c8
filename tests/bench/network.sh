# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What measurements of TCP through a router share: client, router and server, the load, and the way
# it is measured. To be sourced after bench_enter.

# shellcheck source=tests/lib/topo.sh
. tests/lib/topo.sh
# shellcheck source=tests/lib/serve.sh
. tests/lib/serve.sh
# shellcheck source=tests/lib/tproxy.sh
. tests/lib/tproxy.sh

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

# network_up PORT… — with a server of the load on each port
network_up() {
	local ns port

	topo_up >"$WORK/log/topology" 2>&1
	for ns in "$CLIENT" "$ROUTER" "$SERVER"; do
		nsenter --net="/run/netns/$ns" sysctl -qw net.ipv4.ip_local_port_range='1024 65535' \
			net.core.somaxconn=8192 net.ipv4.tcp_max_syn_backlog=8192 \
			net.ipv4.tcp_congestion_control="${CC:-reno}"
	done
	# what counts bypassing packets would cost plain forwarding time
	r nft delete table inet bypass
	for port in "$@"; do
		serve_run "load-$port" "$SERVER" "$LOAD" server "$port"
		wait_for 10 listening "$SERVER" tcp "$port"
	done
}

# measure OUT PAIRS TESTS SETUP… — as tcp.py says; SECONDS_EACH may be given
measure() {
	# not through the function c: what python starts stays in its namespace
	nsenter --net="/run/netns/$CLIENT" -- env ROUTER="$ROUTER" HOOKS="$WORK" \
		python3 tests/bench/tcp.py "$LOAD" "$1" "$2" "${SECONDS_EACH:-2}" "${@:3}"
	echo "written to $1"
}
