#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Odd but deliverable starts of TCP and UDP flows, at random: tags, options, extension headers,
# padding, wrong lengths, fragments. A real server is the judge: none of them reaches it past a
# rule, be it one that drops everything, or just what the server has, or gives all to the relay.
#   SEED=7 STARTS=20000 SEEDS=10 tests/net/fuzz-starts.t   first seed, starts of each, how many
#   SEED=7 ONLY=123 tests/net/fuzz-starts.t                one start, with its frames
TEST_LIMIT=${TEST_LIMIT:-$((120 + 120 * ${SEEDS:-1}))}
. "$(dirname "$0")/../lib/test.sh"

SEED=${SEED:-$RANDOM} STARTS=${STARTS:-20000} SEEDS=${SEEDS:-1} ONLY=${ONLY-}
CALM=$((STARTS < 5000 ? STARTS : 5000)) # where no rule can be passed by
RUNS=0

# What a stack refuses by itself cannot be let pass by a rule: whatever can be allowed is.
allow_odd() {
	local ns

	for ns in "$ROUTER" "$SERVER"; do
		nsenter --net="/run/netns/$ns" sysctl -qw net.ipv4.conf.all.accept_source_route=1 \
			net.ipv4.conf.default.accept_source_route=1 net.ipv6.conf.all.seg6_enabled=1 \
			net.ipv6.conf.all.accept_source_route=1 net.ipv4.ipfrag_max_dist=0 \
			net.ipv4.ipfrag_high_thresh=67108864 net.ipv6.ip6frag_high_thresh=67108864
	done
	for ns in r0 r1; do
		r sysctl -qw "net.ipv4.conf.$ns.accept_source_route=1" "net.ipv6.conf.$ns.seg6_enabled=1"
	done
	s sysctl -qw net.ipv4.conf.s0.accept_source_route=1 net.ipv6.conf.s0.seg6_enabled=1 \
		net.ipv4.tcp_syncookies=2 # it keeps nothing of a run
}

mac_of() { ip -n "$1" -br link show "$2" | awk '{ print $3 }'; } # NS IF

# starts SEED HOW-MANY — to $WORK/starts. Every run has client addresses of its own, which are
# on the link but not the client's, so that late answers are nobody's.
starts() {
	local mac host=$((100 + RUNS++))

	mac=$(mac_of "$CLIENT" c0)
	ip -n "$ROUTER" neigh replace "10.77.1.$host" lladdr "$mac" dev r0 nud permanent
	ip -n "$ROUTER" neigh replace "fd77:1::$host" lladdr "$mac" dev r0 nud permanent
	c "$TOP/build/tests/helpers/oddstarts" if=c0 gate_mac="$(mac_of "$ROUTER" r0)" \
		src4="10.77.1.$host" src6="fd77:1::$host" dst4="$SERVER4" dst6="$SERVER6" \
		gate4="$GATE4" gate6="$GATE6" netns="/run/netns/$SERVER" peer=s0 \
		seed="$1" starts="$2" only="$ONLY" show="${SHOW:-10}" >"$WORK/starts"
}

# of COLUMN — of the last run: 2 starts, 3 answered, 4 arrived at the server, 5 whole sessions
# (6: of so many)
of() { awk -v n="$1" '/^total / { print $n }' "$WORK/starts"; }
# share COLUMN COLUMN — in percent; of nothing, all
share() {
	awk -v part="$1" -v all="$2" '/^total / { print $all ? int(100 * $part / $all) : 100 }' \
		"$WORK/starts"
}

kinds() {
	awk -F'\t' 'NF == 4 && $2 { printf "%3d %% of %5d answered, %5d arrived: %s\n", 100 * $3 / $2,
		$2, $4, $1 }' "$WORK/starts" | tap_comment
}

none_arrived() { # DESCRIPTION
	is "$1" "$(of 4)" 0 && return
	grep -v "$(printf '\t')" "$WORK/starts" | tap_comment
	kinds
}

prepare echo
allow_odd
serve_run udppeer "$SERVER" "$TOP/build/tests/helpers/udppeer" echo 7008
wait_for 10 listening "$SERVER" udp 7008 || fatal "the UDP echo server starts"
echo "# seeds from $SEED on, $STARTS starts of each"

ok "without rules" starts "$SEED" "$CALM"
kinds
like "most starts are answered ($(share 3 2) %)" "$(($(share 3 2) >= 50))" 1
like "most sessions are whole ($(of 5) of $(of 6))" "$(($(share 5 6) >= 80))" 1

# dropped HOW — no start of any seed arrives
dropped() {
	for ((i = 0; i < SEEDS; i++)); do
		ok "seed $((SEED + i)), $STARTS starts, $1" starts $((SEED + i)) "$STARTS"
		none_arrived "none arrives at the server"
		is "none is answered" "$(of 3)" 0
	done
}

do_ok "attach" loader attach r0
do_ok "a rule that drops everything" loader rule add all --ports 1-65535 --proto tcp+udp \
	--to all --action drop
dropped "all to be dropped"
do_ok "no such rule any more" loader rule del all

# A port that is read from the wrong place is another one.
do_ok "a rule that drops just what the server has" loader rule add server --ports 9,7007 \
	--ports udp/7008 --to "$SERVER4,$SERVER6" --action drop
dropped "all to ports that are dropped"
do_ok "neither that rule" loader rule del server

ok "the relay starts" relay_start --udp-per-source 60000 --max-flows-per-source 0
do_ok "a rule that relays everything" loader rule add all --ports 1-65535 --proto tcp+udp \
	--to all
for ((i = 0; i < SEEDS; i++)); do
	ok "seed $((SEED + i)), $STARTS starts, all to be relayed" starts $((SEED + i)) "$STARTS"
	none_arrived "none arrives at the server but by the relay"
	kinds
	like "starts are relayed ($(share 3 2) %)" "$(($(share 3 2) >= 30))" 1
	like "sessions are whole ($(of 5) of $(of 6))" "$(($(share 5 6) >= 80))" 1
done
finish
