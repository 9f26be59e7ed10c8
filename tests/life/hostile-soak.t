#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Sanitized relays in hostile company, all at once and at random: restarts and newcomers that are
# killed, signals, addresses that change, listeners and connections that others destroy, floods, a
# greedy client, slow readers, lists and kills of flows. No sanitizer reports anything, and a client
# that behaves well gets no wrong byte. SEED=N repeats the order of steps, SOAK_SECONDS=N sets how
# long each relay has to bear it, ROUNDS="memory races" which sanitizers.
# shellcheck disable=SC2030,SC2031 # those that run meanwhile have random numbers of their own
TEST_LIMIT=400
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/udp.sh"
. "$(dirname "$0")/../lib/destroy.sh"
. "$(dirname "$0")/../lib/handover.sh"
. "$(dirname "$0")/../lib/path.sh"

SEED=${SEED:-$RANDOM}
SOAK_SECONDS=${SOAK_SECONDS:-25}
ROUNDS=${ROUNDS:-memory races}
declare -A PROGRAM=([memory]=$TOP/build/tests/sanitized/tproxy-relay
	[races]=$TOP/build/tests/races/tproxy-relay)
GREEDY4=10.77.1.3 GREEDY6=fd77:9::3 # another client: another /64
# in seconds, of a machine that has much else to do
PATIENCE=60

for round in $ROUNDS; do
	[[ -x ${PROGRAM[$round]} ]] || skip_inside "${PROGRAM[$round]} is not built (make tests)"
	"${PROGRAM[$round]}" --version >/dev/null 2>&1 || skip_inside "sanitizers do not run here"
done
echo "# SEED=$SEED SOAK_SECONDS=$SOAK_SECONDS"
RANDOM=$SEED

# --- the relay ---

# sanitized PROGRAM — RELAY becomes that program, which has few descriptors
sanitized() {
	local limits="prlimit --nofile=700:700 setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource"

	cat >"$WORK/relay" <<-SCRIPT
		#!/bin/sh
		export ASAN_OPTIONS=detect_leaks=1:log_path=$WORK/sanitizer/report
		export UBSAN_OPTIONS=print_stacktrace=1
		export TSAN_OPTIONS=log_path=$WORK/sanitizer/report:second_deadlock_stack=1
		exec $limits "$1" "\$@"
	SCRIPT
	chmod +x "$WORK/relay"
	RELAY=$WORK/relay
}
reports() { cat "$WORK"/sanitizer/* 2>/dev/null; }

ARGS=(--workers 2 --connect-timeout 3 --drain-timeout 2 --retire-timeout 15 --half-closed-timeout 10)
relay_pids=() killed=0 served_and_killed=0 late=0 restarts=0

# restart — a relay starts, and takes over if there is one; that one may say that it is too late
restart() {
	local old=$RELAY_PID

	relay_start "${ARGS[@]}" || wait_for $PATIENCE started
	if process_gone "$RELAY_PID"; then
		late=$((late + 1))
		RELAY_PID=$old
		return 1
	fi
	restarts=$((restarts + 1))
	relay_pids+=("$RELAY_PID")
}
started() { grep -q listening "$RELAY_LOG" || process_gone "$RELAY_PID"; }
# newcomer_dies — a relay that is killed while it takes over, or soon after
newcomer_dies() {
	local old=$RELAY_PID new log

	log=$WORK/log/killed.$((++killed))
	"$RELAY" -n "$ROUTER" "${ARGS[@]}" >"$log" 2>&1 </dev/null &
	new=$!
	disown $new
	sleep "$(below 900)"
	kill -KILL $new
	RELAY_PID=$old
	wait_for 10 process_gone $new
	grep -qE 'taking the listeners over|listening' "$log" || return 0
	# it had the listeners, and the kernel has closed its connections: another one starts
	served_and_killed=$((served_and_killed + 1))
	restart
}

# --- what happens at the same time ---

# below MS — prints a number of seconds
below() { printf '0.%03d' $((RANDOM % $1)); }
one_of() { shift $((RANDOM % $#)) && echo "$1"; }
over() { [[ -e $WORK/over ]]; }

# meanwhile PAUSE STEP — runs STEP again and again, in the background, up to PAUSE ms apart
doers=()
meanwhile() {
	local seed=$RANDOM

	(
		trap - EXIT TERM INT HUP
		RANDOM=$seed
		until over; do
			"$2"
			sleep "$(below "$1")"
		done
	) >>"$WORK/log/meanwhile-$2" 2>&1 </dev/null &
	doers+=($!)
	disown $!
}

operate() {
	case $((RANDOM % 8)) in
	0 | 1 | 2) restart ;;
	3) newcomer_dies ;;
	4 | 5) kill -HUP "$RELAY_PID" ;;
	6) kill -USR1 "$RELAY_PID" ;;
	7) kill -USR2 "$RELAY_PID" ;;
	esac
	sleep "$(below 999)"
}

move_addresses() {
	if ((RANDOM % 3)); then
		addresses_add "$MOVED4" "$MOVED6"
		sleep "$(below 999)"
		addresses_remove "$MOVED4" "$MOVED6"
	else
		addresses_remove "$ROUTER4" "$ROUTER6"
		addresses_add "$MOVED4" "$MOVED6"
		sleep "$(one_of 0.1 1 4)" # a flow waits for its address for some seconds
		addresses_remove "$MOVED4" "$MOVED6"
		addresses_add "$ROUTER4" "$ROUTER6"
	fi
	sleep "$(below 999)"
}

destroy() {
	"$(one_of destroy_tcp destroy_udp destroy_flows)"
	sleep "$(below 999)"
}
destroy_flows() { r ss -K -t "$(one_of sport dport) = :7007" >/dev/null; }

flood() { c timeout 5 "$PEER" flood "$(one_of "$SERVER4" "$SERVER6")" "$(one_of 7004 7005)" 5000; }

be_greedy() {
	local to=$SERVER4 from=$GREEDY4

	((RANDOM % 2)) && to=$SERVER6 from=$GREEDY6
	case $((RANDOM % 3)) in
	# closed ports, and those of a server
	0) c timeout 10 python3 "$LIB/greedy.py" attack "$to" 7009 300 "$WORK" "$from" ;;
	1) c timeout 10 python3 "$LIB/greedy.py" attack "$to" 7007 300 "$WORK" "$from" ;;
	2) c timeout 10 python3 "$LIB/greedy.py" datagrams "$to" 7004 "$from" 100 ;;
	esac
}

read_slowly() {
	c timeout $((2 + RANDOM % 3)) python3 "$LIB/stall.py" "$(one_of up down)" \
		"$(one_of "$SERVER4" "$SERVER6")" 7008 20 "$WORK/never"
}

ask_for_flows() {
	local list=$WORK/flows.$RANDOM

	case $((RANDOM % 6)) in
	0) loader flows >/dev/null ;;
	1) r timeout 5 python3 "$LIB/flows.py" quit "$(flows_path)" 20 ;;
	2) r timeout 5 python3 "$LIB/flows.py" "$(one_of stall garbage)" "$(flows_path)" ;;
	3) r timeout 5 python3 "$LIB/flows.py" knock "$(flows_path)" 10 1 ;;
	4) loader flows kill --client "$(one_of "$CLIENT4" "$GREEDY4" fd77:1::/64 fd77:9::/64 10.128.0.0/9)" ;;
	5)
		"$RELAY" -n "$ROUTER" --list --json >"$list" &&
			loader flows kill "$(json_value "max(f['id'] for f in o['flows'])" <"$list")"
		rm -f "$list"
		;;
	esac
}

# --- a client that behaves well ---

steady_pids=()
steady_start() { # NAME
	local to

	for to in "$SERVER4" "$SERVER6"; do
		nsenter --net="/run/netns/$CLIENT" -- python3 "$LIB/steady.py" client "$to" 7007 12 "$SEED" \
			"$WORK/steady$to" >"$WORK/log/steady-$1$to" 2>&1 &
		steady_pids+=($!)
		disown $!
	done
}
# steady ADDRESS COLUMN — prints the number of connections so far: 1 whole, 2 broken, 3 wrong, 4 cut
steady() { cut -d' ' -f"$2" "$WORK/steady$1" 2>/dev/null || echo 0; }
steady_reach() { [[ $(steady "$1" 1) -ge $2 ]]; } # ADDRESS NUMBER

# ask_datagrams — flows of datagrams, few or many in each
ask_datagrams() {
	flow "$(one_of "$SERVER4" "$SERVER6")" "$(one_of 7004 7005)" count=3000 idle=200 \
		"$(one_of flows=2 flows=20 gso=4)" window=32 "size=$(one_of 64 1200)" \
		pause="$(one_of 0 1)" >>"$WORK/datagrams"
}
# datagrams COLUMN — prints the sum: 2 sent, 4 received, 8 wrong
datagrams() { awk -v n="$1" '{ sum += $n } END { print sum + 0 }' "$WORK/datagrams"; }
echoed() { [[ $(flow "$1" 7004 count=100 idle=300) == *" received 100 "* ]]; } # ADDRESS

# --- a round ---

doers_gone() {
	local pid

	for pid in "${doers[@]}"; do
		process_gone "$pid" || return
	done
}
relays_gone() {
	local pid

	for pid in "${relay_pids[@]}"; do
		[[ $pid == "$RELAY_PID" ]] || process_gone "$pid" || return
	done
}
kill_all_flows() {
	loader flows kill --client 0.0.0.0/0 >/dev/null &&
		loader flows kill --client ::/0 >/dev/null
}
few_descriptors() { kill_all_flows && relay_fds_at_most "$1"; }

# served DESCRIPTION — whole connections and datagrams of both families
served() {
	local to

	for to in "$SERVER4" "$SERVER6"; do
		ok "$1: connections to $to are served" \
			wait_for $PATIENCE steady_reach "$to" $(($(steady "$to" 1) + 5))
		ok "$1: datagrams to $to, too" wait_for $PATIENCE echoed "$to"
	done
}

suffer() { # NAME
	local until=$((SECONDS + SOAK_SECONDS)) step

	rm -f "$WORK/over"
	for step in ask_datagrams ask_for_flows read_slowly be_greedy flood move_addresses destroy; do
		meanwhile 500 $step
	done
	while ((SECONDS < until)); do
		operate
	done
	: >"$WORK/over"
	ok "$1: the load ends" wait_for $PATIENCE doers_gone
	doers=()
}

soak() { # NAME
	local name=$1 fds to pid

	sanitized "${PROGRAM[$name]}"
	relay_pids=() killed=0 served_and_killed=0 late=0 restarts=0
	rm -f "$WORK"/log/{relay,killed}.* "$WORK"/sanitizer/* "$WORK"/steady*
	: >"$WORK/datagrams"
	ok "$name: the relay starts" restart
	steady_start "$name"
	served "$name, at first"
	kill_all_flows
	fds=$(relay_fds)
	suffer "$name"
	addresses_add "$ROUTER4" "$ROUTER6" 2>/dev/null
	served "$name, at the end"
	for pid in "${steady_pids[@]}"; do
		stop "$pid"
	done
	steady_pids=()
	for to in "$SERVER4" "$SERVER6"; do
		echo "# $name: connections to $to: $(steady "$to" 1) whole, $(steady "$to" 2) broken"
		is "$name: connections to $to with wrong bytes" "$(steady "$to" 3)" 0
		[[ $served_and_killed -gt 0 ]] ||
			is "$name: connections to $to with too few bytes" "$(steady "$to" 4)" 0
	done
	echo "# $name: datagrams: $(datagrams 2) sent, $(datagrams 4) received;" \
		"$restarts relays, others killed: $killed ($served_and_killed served), late: $late"
	is "$name: wrong datagrams" "$(datagrams 8)" 0
	wait_for $PATIENCE verdict_is ok
	do_ok "$name: status says ok" loader status
	ok "$name: retired relays end" wait_for $PATIENCE relays_gone
	# some more for sockets of answers, and flows of this moment
	ok "$name: the relay has no more descriptors than before" \
		wait_for $PATIENCE few_descriptors $((fds + 24))
	pid=$RELAY_PID
	relay_stop
	ok "$name: the last relay ends" process_gone "$pid"
	is "$name: no sanitizer has complained" \
		"$(reports; grep -hE 'runtime error|Sanitizer' "$WORK"/log/{relay,killed}.* 2>/dev/null)" ""
}

# --- preparation ---

prepare
destroy_ready || skip_inside "no SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY)"
chmod 755 "$WORK"
mkdir -m 777 "$WORK/sanitizer"
ip -n "$CLIENT" addr add $GREEDY4/24 dev c0
# no other program chooses this address
ip -n "$CLIENT" addr add $GREEDY6/128 dev c0 nodad preferred_lft 0
ip -n "$ROUTER" route add fd77:9::/64 via $CLIENT6
serve_run steady "$SERVER" python3 "$LIB/steady.py" serve 7007
serve_run stall "$SERVER" python3 "$LIB/stall.py" serve 7008
serve_peer echo 7004
serve_peer echo 7005
for port in 7007 7008; do
	wait_for 10 listening "$SERVER" tcp $port || fatal "the server on port $port starts"
done
do_ok "attach" loader attach r0 --ports 7007-7009,udp/7004-7005 --to 10.77.2.0/24,fd77:2::/64
bypass_reset
for round in $ROUNDS; do
	soak "$round"
done
bypass_none "no packet went past the relay"
finish
