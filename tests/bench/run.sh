#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Measures, and judges nothing: what one packet of an established flow costs with
# nothing attached, with us, and with iptables or nft TPROXY; how long attach takes.
# Writes build/bench.json and a table. ROUNDS and PACKETS may be given.

# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"
bench_enter 900 "$@"

ROUNDS=${ROUNDS:-31} PACKETS=${PACKETS:-20000}
FOREIGN=10.99.9.9 # routed, not ours
OUT=build/bench.json
PKTCOST=build/tests/bench/pktcost

namespace() { # NAME
	local ns=$TP_SANDBOX-$1

	bench_namespace "$1"
	ip -n "$ns" neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev tap0
	ip -n "$ns" route add 10.99.9.0/24 via 10.99.0.2
	inside "$1" sysctl -qw net.ipv4.conf.tap0.rp_filter=0
}

# shellcheck disable=SC2317 # by name, below
classic_routes() { # NAME
	inside "$1" ip rule add fwmark 0x1 lookup 100
	inside "$1" ip route add local default dev lo table 100
}

setup_none() { :; }
setup_tcx() { ./tproxy-loader -q -n "$TP_SANDBOX-tcx" attach tap0 --ports 8080 --proxy 8080 --hook tcx; }
setup_clsact() {
	./tproxy-loader -q -n "$TP_SANDBOX-clsact" attach tap0 --ports 8080 --proxy 8080 --hook clsact
}
setup_divert() {
	classic_routes divert
	inside divert iptables -t mangle -A PREROUTING -p tcp -m socket --transparent \
		-j MARK --set-mark 1
	inside divert iptables -t mangle -A PREROUTING -m mark --mark 1 -j ACCEPT
	inside divert iptables -t mangle -A PREROUTING -p tcp --dport 8080 \
		-j TPROXY --on-port 8080 --tproxy-mark 1
}
setup_tproxy() {
	classic_routes tproxy
	inside tproxy iptables -t mangle -A PREROUTING -p tcp --dport 8080 \
		-j TPROXY --on-port 8080 --tproxy-mark 1
}
setup_nft() {
	classic_routes nft
	inside nft nft -f - <<-RULES
		table ip t {
			chain p {
				type filter hook prerouting priority mangle
				tcp dport 8080 tproxy to :8080 meta mark set 1 accept
			}
		}
	RULES
}

per_packet() {
	local name
	local -a args=()

	for name in none tcx clsact divert tproxy nft; do
		namespace $name
		if "setup_$name" 2>"build/bench.$name.log"; then
			args+=("$name=$TP_SANDBOX-$name=$([[ $name == none ]] && echo 10.99.0.1 || echo $FOREIGN)")
		else
			echo "bench: $name left out: $(tail -n 1 "build/bench.$name.log")" >&2
		fi
	done
	"$PKTCOST" "$ROUNDS" "$PACKETS" "${args[@]}"
}

attach_times() { # as a JSON list of milliseconds
	local i a b

	namespace time
	for ((i = 0; i < 11; i++)); do
		a=$(date +%s%N)
		./tproxy-loader -q -n "$TP_SANDBOX-time" attach tap0 --ports 22 --proxy 8080
		b=$(date +%s%N)
		./tproxy-loader -q -n "$TP_SANDBOX-time" detach --all
		echo "$(((b - a) / 1000))e-3"
	done | paste -sd, | sed 's/.*/[&]/'
}

packet=$(per_packet)
attach=$(attach_times)
printf '{"schema":1,"kernel":"%s","per_packet":%s,"attach_ms":%s}\n' \
	"$(uname -r)" "$packet" "$attach" >$OUT
python3 - $OUT <<'TABLE'
import json, statistics, sys
bench = json.load(open(sys.argv[1]))
print("one packet of an established TCP flow, injection included (interleaved, %d rounds)"
      % bench["per_packet"]["rounds"])
print("%-10s %8s %8s %8s   ratio to none (quartiles)" % ("set-up", "ns q1", "ns med", "extra"))
for s in bench["per_packet"]["setups"]:
    print("%-10s %8d %8d %8d   %.3f (%.3f-%.3f)" % (s["name"], s["ns_q1"], s["ns_median"],
          s["extra_ns_median"], s["ratio_median"], s["ratio_q1"], s["ratio_q3"]))
print("attach: median %.0f ms" % statistics.median(bench["attach_ms"]))
TABLE
echo "written to $OUT"
