#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Measures, and judges nothing: what a flow's first packet costs with growing numbers of
# prefixes and rules, with us, with nft sets and with iptables rules. "hit" is dropped by
# the last rule, "miss" meets none and is dropped by a blackhole route, as it is everywhere. Then
# what a packet of one of PACKETS flows costs that no rule ever concerned.
# Writes build/bench-policy.json and a table. ROUNDS, PACKETS and SIZES may be given.

# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"
bench_enter 1500 "$@"

ROUNDS=${ROUNDS:-21} PACKETS=${PACKETS:-10000}
read -ra SIZES <<<"${SIZES:-1 1000 100000 1000000}"
OUT=build/bench-policy.json
HIT=198.18.1.1 MISS=198.19.1.1 # the latter is in no list
args=()

namespace() { # NAME
	local ns=$TP_SANDBOX-$1

	bench_namespace "$1"
	ip -n "$ns" route add blackhole 198.18.0.0/15
	args+=("$1-hit=$ns=$HIT" "$1-miss=$ns=$MISS")
}

# prefixes N — that many, the one that is hit among them
prefixes() {
	python3 - "$1" <<-'LIST'
		import random, sys
		random.seed(1)
		seen = {"198.18.1.0/24"}
		while len(seen) < int(sys.argv[1]):
		    a = random.getrandbits(32) & 0xffffff00
		    if a >> 25 != 198 << 7 | 9: # neither 198.18 nor 198.19
		        seen.add("%d.%d.%d.0/24" % (a >> 24, a >> 16 & 255, a >> 8 & 255))
		print("\n".join(seen))
	LIST
}

ours() { # NAME LIST RULES
	local i

	namespace "$1"
	{
		echo "[loader]"
		echo "interfaces = tap0"
		for ((i = 1; i < $3; i++)); do
			printf '[rule r%d]\nto = 203.0.113.%d\nports = 22\naction = pass\n' "$i" "$i"
		done
		printf '[rule last]\nto = @%s\nports = 22\naction = drop\n' "$2"
	} >"$WORK/$1.conf"
	./tproxy-loader -q -n "$TP_SANDBOX-$1" apply "$WORK/$1.conf"
}

nft_set() { # NAME LIST RULES
	local i

	namespace "$1"
	{
		echo "table ip t { set s { type ipv4_addr; flags interval; }"
		echo "chain p { type filter hook prerouting priority mangle"
		for ((i = 1; i < $3; i++)); do
			echo "ip daddr 203.0.113.$i tcp dport 22 accept"
		done
		printf 'tcp dport 22 ip daddr @s drop\n}\n}\n'
		echo "add element ip t s {"
		sed 's/$/,/' "$2"
		echo "}"
	} >"$WORK/$1.nft"
	inside "$1" nft -f "$WORK/$1.nft"
}

iptables_rules() { # NAME LIST
	namespace "$1"
	{
		echo "*mangle"
		# the one that is hit comes last, as a scan meets half of them on average
		sed -n '/^198\.18\./d; s/.*/-A PREROUTING -d & -p tcp --dport 22 -j DROP/p' "$2"
		echo "-A PREROUTING -d 198.18.1.0/24 -p tcp --dport 22 -j DROP"
		echo COMMIT
	} | inside "$1" iptables-restore
}

namespace none
for n in "${SIZES[@]}"; do
	prefixes "$n" >"$WORK/list-$n"
	ours "ours-$n" "$WORK/list-$n" 1
	if ((n <= 100000)); then # nft takes minutes and gigabytes beyond
		nft_set "nft-set-$n" "$WORK/list-$n" 1 || echo "bench: nft-set-$n left out" >&2
	fi
	if ((n <= 1000)); then
		iptables_rules "iptables-$n" "$WORK/list-$n"
	fi
done
for rules in 8 64; do
	ours "ours-rules-$rules" "$WORK/list-${SIZES[0]}" "$rules"
	nft_set "nft-rules-$rules" "$WORK/list-${SIZES[0]}" "$rules"
done
prefixes 64 >"$WORK/list-64"
iptables_rules iptables-64 "$WORK/list-64"

# "miss" is what no list has: the same for a flow that passes
passing=()
for arg in "${args[@]}"; do
	[[ $arg != *-miss=* ]] || passing+=("$arg")
done
{
	echo '{"schema":1,"first":'
	build/tests/bench/flowcost syn "$ROUNDS" "$PACKETS" 22 "${args[@]}"
	echo ',"passing":'
	build/tests/bench/flowcost ack "$ROUNDS" "$PACKETS" 22 "${passing[@]}"
	echo '}'
} >$OUT
python3 - $OUT <<'TABLE'
import json, sys
bench = json.load(open(sys.argv[1]))
print("ns more than with nothing attached, median of %d rounds (quartiles)" % bench["first"]["rounds"])
found = {s["name"]: s for s in bench["first"]["setups"]}
passing = {s["name"]: s for s in bench["passing"]["setups"]}
def cell(s):
    return "%7d (%d-%d)" % (s["extra_ns_median"], s["extra_ns_q1"], s["extra_ns_q3"])
print("%-18s %24s %24s %24s" % ("", "first packet", "", "later packet"))
print("%-18s %24s %24s %24s" % ("set-up", "hit (dropped)", "miss (passes)", "of a flow that passes"))
for name in found:
    if name.endswith("-hit"):
        name = name[:-4]
        miss = name + "-miss"
        print("%-18s %24s %24s %24s" % (name, cell(found[name + "-hit"]), cell(found[miss]),
                                        cell(passing[miss])))
TABLE
echo "written to $OUT"
