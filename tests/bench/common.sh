# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What every measurement starts with: to be sourced first, then bench_enter.

set -eu -o pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/lib/sandbox.sh
. "$TOP/tests/lib/sandbox.sh"

# bench_enter SECONDS ARGS… — as sandbox_enter, or says why not; in the top directory, with $WORK
bench_enter() {
	local obstacle

	if [[ -z ${TP_SANDBOX-} ]]; then
		obstacle=$(sandbox_obstacle)
		if [[ -n $obstacle ]]; then
			echo "bench: $obstacle" >&2
			exit 1
		fi
	fi
	sandbox_enter "$@"
	cd "$TOP"
	mkdir -p build
}

inside() { # NAME CMD…
	local ns=$TP_SANDBOX-$1
	shift
	nsenter --net="/run/netns/$ns" -- "$@"
}

# bench_namespace NAME — a router with the tap0 of inject.h
bench_namespace() {
	local ns=$TP_SANDBOX-$1

	ip netns add "$ns"
	ip -n "$ns" link set lo up
	ip -n "$ns" tuntap add dev tap0 mode tap
	ip -n "$ns" link set tap0 up
	ip -n "$ns" addr add 10.99.0.1/24 dev tap0
	inside "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0
}
