#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Measures, and judges nothing: datagrams per second and CPU time per datagram through
# the relay, beside plain forwarding, a relay of one recvmsg and one send for each
# datagram (bench/udpplain.c), and nginx as a UDP proxy. Each has three namespaces of its
# own; they are measured in turn. CPU time is that of the relaying process; beside other load it
# says more than the rate. Flows are paced by answers, so that nothing is lost.
# Writes build/bench-udp.json and a table. ROUNDS may be given.

# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"
bench_enter 1800 "$@"
# shellcheck source=tests/lib/topo.sh
. tests/lib/topo.sh

ROUNDS=${ROUNDS:-9}
OUT=build/bench-udp.json
PEER=$TOP/build/tests/helpers/udppeer
MODULES=/usr/lib/nginx/modules
SETUPS=(forward plain relay)
[[ ! -e $MODULES/ngx_stream_module.so ]] || SETUPS+=(nginx)
declare -A PID=()

# a fifth of the descriptors there may be: the relay keeps a quarter for UDP flows
FLOWS=$(($(ulimit -Hn) / 5))
((FLOWS < 10000)) || FLOWS=10000

# name, arguments of `udppeer flow`; the first word is the server's port, 7007 echo, 7008 ack
WORKLOADS=(
	"gso-1400:7008 count=800000 size=1400 gso=40 window=640 ack=1" # 16 trains on their way
	"plain-1400:7008 count=100000 size=1400 window=64 ack=1"
	"plain-64:7008 count=100000 size=64 window=64 ack=1"
	"echo-64:7007 count=60000 size=64 window=64"
	"flows-$FLOWS:7007 count=$((FLOWS * 10)) size=64 window=64 flows=$FLOWS"
)

enter() { # SETUP
	CLIENT=$TP_SANDBOX-$1-c ROUTER=$TP_SANDBOX-$1-r SERVER=$TP_SANDBOX-$1-s
}

background() { # NS LOG CMD…
	local ns=$1 log=$2
	shift 2
	nsenter --net="/run/netns/$ns" -- "$@" >"build/bench.$log.log" 2>&1 </dev/null &
}

steer() { # ARGS…
	./tproxy-loader -q -n "$ROUTER" attach r0 --learn 0 --ports udp/7007-7008 --to 10.77.2.0/24 "$@"
}

start_forward() { :; }

start_plain() {
	background "$ROUTER" plain build/tests/bench/udpplain 15100
	PID[plain]=$!
	wait_for 5 r sh -c 'ss -Hnlu "sport = :15100" | grep -q .'
	steer --proxy 15100
}

start_relay() {
	background "$ROUTER" relay ./tproxy-relay --max-flows-per-source 0 --pin-dir "/sys/fs/bpf/tproxy-$ROUTER" \
		--udp-per-source 65536
	PID[relay]=$!
	steer
	wait_for 5 grep -q registered build/bench.relay.log
}

start_nginx() {
	cat >"$WORK/nginx.conf" <<-CONF
		load_module $MODULES/ngx_stream_module.so;
		user root;
		daemon off;
		worker_processes 2;
		worker_rlimit_nofile 65536;
		pid $WORK/nginx.pid;
		events { worker_connections 30000; }
		stream {
			proxy_timeout 10s;
			server { listen $GATE4:7007 udp reuseport; proxy_pass $SERVER4:7007; }
			server { listen $GATE4:7008 udp reuseport; proxy_pass $SERVER4:7008; }
		}
	CONF
	background "$ROUTER" nginx nginx -e stderr -c "$WORK/nginx.conf"
	PID[nginx]=$!
	wait_for 5 r sh -c 'ss -Hnlu "sport = :7008" | grep -q .'
}

# CPU time of a process with its children and threads so far, microseconds
cpu_of() { # PID
	local pid
	local -i sum=0

	for pid in "$1" $(pgrep -P "$1"); do
		sum+=$(cat "/proc/$pid"/task/*/schedstat 2>/dev/null | awk '{ s += $1 } END { print int(s / 1000) }')
	done
	echo $sum
}

# measure SETUP PORT ARGS… — "datagrams-per-second cpu-us-per-datagram lost"
measure() {
	local setup=$1 port=$2 to=$SERVER4 before=0 after=0 result
	shift 2

	enter "$setup"
	[[ $setup != nginx ]] || to=$GATE4
	[[ -z ${PID[$setup]-} ]] || before=$(cpu_of "${PID[$setup]}")
	result=$(c "$PEER" flow "$to" "$port" idle=1000 "$@")
	[[ -z ${PID[$setup]-} ]] || after=$(cpu_of "${PID[$setup]}")
	awk -v cpu=$((after - before)) '{ print $4 * 1000 / ($12 ? $12 : 1), cpu / $4, $6 }' <<<"$result"
}

prepare_all() {
	local setup

	for setup in "${SETUPS[@]}"; do
		enter "$setup"
		topo_up
		r nft delete table inet bypass
		background "$SERVER" "echo-$setup" "$PEER" echo 7007
		background "$SERVER" "ack-$setup" "$PEER" ack 7008
		wait_for 5 s sh -c 'ss -Hnlu "sport = :7008" | grep -q .'
		"start_$setup"
	done
}

prepare_all
for workload in "${WORKLOADS[@]}"; do
	name=${workload%%:*}
	read -ra args <<<"${workload#*:}"
	for ((round = 0; round <= ROUNDS; round++)); do
		for setup in "${SETUPS[@]}"; do
			line=$(measure "$setup" "${args[@]}")
			[[ $round -eq 0 ]] || echo "$name $setup $line" # the first one warms up
		done
	done
done >"$WORK/results"

python3 - "$WORK/results" $OUT "$(uname -r)" <<'TABLE'
import collections, json, statistics, sys
runs = collections.defaultdict(lambda: collections.defaultdict(list))
for line in open(sys.argv[1]):
    workload, setup, *numbers = line.split()
    runs[workload][setup].append([float(n) for n in numbers])

def quartiles(values):
    q = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return [round(x, 3) for x in q]

report = {"schema": 1, "kernel": sys.argv[3], "workloads": {}}
print("%-12s %-8s %10s %8s %6s   %-20s %s" % ("workload", "setup", "datagr./s", "cpu us", "lost",
      "rate, to plain (q1-q3)", "cpu, to plain (q1-q3)"))
for workload, setups in runs.items():
    out = report["workloads"][workload] = {}
    for setup, rows in setups.items():
        rate = quartiles([row[0] / base[0] for row, base in zip(rows, setups["plain"])])
        cpu = quartiles([row[1] / base[1] for row, base in zip(rows, setups["plain"])])
        out[setup] = {"per_second": statistics.median(r[0] for r in rows),
                      "cpu_us": statistics.median(r[1] for r in rows),
                      "lost": sum(r[2] for r in rows), "rate_ratio": rate, "cpu_ratio": cpu,
                      "rounds": len(rows)}
        o = out[setup]
        print("%-12s %-8s %10d %8.3f %6d   %5.2f (%.2f-%.2f)   %5.2f (%.2f-%.2f)" % (
              workload, setup, o["per_second"], o["cpu_us"], o["lost"], rate[1], rate[0], rate[2],
              cpu[1], cpu[0], cpu[2]))
json.dump(report, open(sys.argv[2], "w"))
TABLE
echo "written to $OUT"
