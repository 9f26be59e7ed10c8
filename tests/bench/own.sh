#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Measures, and judges nothing: what connect, a datagram of an unconnected socket, and a datagram of a
# new one cost a process of this host: with nothing attached, with us where no rule matches, with us as
# the proxy's way, and with the classic one (iptables: a mark in OUTPUT, an ip rule, TPROXY).
# Writes build/bench-own.json and a table. ROUNDS and COUNT may be given; STATS=1 prints the time of
# each of our programs.

# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"
bench_enter 900 "$@"

ROUNDS=${ROUNDS:-21} COUNT=${COUNT:-1000}
OUT=build/bench-own.json
COST=$TOP/build/tests/bench/owncost
SERVER4=10.98.2.2 PORT=7007 OTHER=7008 PROXY=15100
CGROUPS=$WORK/cgroup
CGROUP=$CGROUPS/tproxy-bench-${TP_SANDBOX#tp}
SETUPS=(nothing not-matching ours iptables-other iptables)
PIDS=()

bench_own_exit() {
	local pid name

	for pid in "${PIDS[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	for name in "${SETUPS[@]}"; do
		rmdir "$CGROUP/$name" 2>/dev/null || true
	done
	rmdir "$CGROUP" 2>/dev/null || true
}
trap bench_own_exit EXIT

# namespaces SETUP — a host and its server
namespaces() {
	local ns=$TP_SANDBOX-$1

	ip netns add "$ns"
	ip netns add "$ns-s"
	ip -n "$ns" link add r1 type veth peer name s0 netns "$ns-s"
	ip -n "$ns" addr add 10.98.2.1/24 dev r1
	ip -n "$ns-s" addr add $SERVER4/24 dev s0
	for link in "$ns lo" "$ns r1" "$ns-s lo" "$ns-s s0"; do
		# shellcheck disable=SC2086
		ip -n ${link% *} link set ${link#* } up
	done
	inside "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 \
		net.ipv4.ip_local_port_range='1024 65535'
	inside "$1-s" "$COST" sink $PORT &
	PIDS+=($!)
	inside "$1" "$COST" sink $PROXY &
	PIDS+=($!)
	mkdir "$CGROUP/$1"
}

# attach_own SETUP PORT — the rule is for that port
attach_own() {
	./tproxy-loader -q -n "$TP_SANDBOX-$1" attach --local --cgroup "$CGROUP/$1" --proxy $PROXY \
		--ports "$2,udp/$2"
}

# classic SETUP PORT — with the exclusions that our programs make: what is local, and the proxy itself
classic() {
	local proto

	inside "$1" ip rule add fwmark 1/1 lookup 100
	inside "$1" ip route add local default dev lo src 10.98.2.1 table 100
	inside "$1" iptables -t mangle -A OUTPUT -m addrtype --dst-type LOCAL,MULTICAST,BROADCAST -j RETURN
	inside "$1" iptables -t mangle -A OUTPUT -m mark --mark 0x99 -j RETURN
	inside "$1" iptables -t mangle -A OUTPUT -m owner --gid-owner 65533 -j RETURN
	for proto in tcp udp; do
		inside "$1" iptables -t mangle -A OUTPUT -p $proto --dport "$2" -j MARK --set-mark 1
		inside "$1" iptables -t mangle -A PREROUTING -i lo -p $proto --dport "$2" -m mark --mark 1 \
			-j TPROXY --on-port $PROXY --tproxy-mark 1
	done
}

setup_nothing() { :; }
setup_not-matching() { attach_own not-matching $OTHER; }
setup_ours() { attach_own ours $PORT; }
setup_iptables-other() { classic iptables-other $OTHER; }
setup_iptables() { classic iptables $PORT; }

mkdir -p "$CGROUPS"
mount -t cgroup2 none "$CGROUPS"
mkdir "$CGROUP"
ARGS=()
for name in "${SETUPS[@]}"; do
	namespaces "$name"
	"setup_$name" || { echo "bench: $name left out" >&2 && continue; }
	ARGS+=("$name=$TP_SANDBOX-$name=$CGROUP/$name")
done
load=$(cut -d' ' -f1 /proc/loadavg)
[[ -z ${STATS-} ]] || sysctl -qw kernel.bpf_stats_enabled=1
for what in connect datagram socket; do
	"$COST" $what "$ROUNDS" "$COUNT" $SERVER4 $PORT "${ARGS[@]}" >"$WORK/$what"
done
if [[ -n ${STATS-} ]]; then
	sysctl -qw kernel.bpf_stats_enabled=0
	bpftool -j prog show | python3 -c '
import json, sys
for p in json.load(sys.stdin):
    if p.get("name", "").startswith("own_") and p.get("run_cnt"):
        print("%-14s %8d runs %6.0f ns" % (p["name"], p["run_cnt"], p["run_time_ns"] / p["run_cnt"]))'
fi
printf '{"schema":1,"kernel":"%s","load":%s,"connect":%s,"datagram":%s,"socket":%s}\n' \
	"$(uname -r)" "$load" "$(<"$WORK/connect")" "$(<"$WORK/datagram")" "$(<"$WORK/socket")" >$OUT
python3 - $OUT <<'TABLE'
import json, sys
bench = json.load(open(sys.argv[1]))
print("CPU time of the process that begins flows (interleaved, load %s)" % bench["load"])
for what in "connect", "datagram", "socket":
    print("%-15s %8s %8s   ratio to nothing (quartiles)" % (what, "ns q1", "ns med"))
    for s in bench[what]["setups"]:
        print("  %-13s %8d %8d   %.3f (%.3f-%.3f)" % (s["name"], s["ns_q1"], s["ns_median"],
              s["ratio_median"], s["ratio_q1"], s["ratio_q3"]))
TABLE
echo "written to $OUT"
