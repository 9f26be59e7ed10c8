# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The two programs under test.

LOADER=${LOADER:-$TOP/tproxy-loader}
RELAY=${RELAY:-$TOP/tproxy-relay}
# the default of -n
export PINS=/sys/fs/bpf/tproxy-$ROUTER
RELAY_PID=
RELAY_LOG=
RC=0 OUT='' ERR=''

# loader ARGS… — on the router. Unless LEARN is set, no command watches for UDP flows that are older
# than a rule, because few tests have any.
loader() {
	local before=()

	if [[ -z ${LEARN-} && " $* " =~ \ (attach|apply|(rule|cidr|port)\ (add|del))\  ]]; then
		while [[ ! $1 =~ ^(attach|apply|rule|cidr|port)$ ]]; do
			before+=("$1")
			shift
		done
		set -- "${before[@]}" "$1" --learn 0 "${@:2}"
	fi
	"$LOADER" -n "$ROUTER" "$@"
}

# try CMD… — keeps exit status and output in RC, OUT and ERR, and logs them
try() {
	"$@" >"$WORK/out" 2>"$WORK/err" </dev/null
	RC=$?
	OUT=$(<"$WORK/out")
	ERR=$(<"$WORK/err")
	{
		echo "\$ $*"
		cat "$WORK/out" "$WORK/err"
		echo "=> $RC"
	} >>"$WORK/log/commands"
	return $RC
}

# do_ok DESCRIPTION CMD… — as ok, but keeps OUT and ERR
do_ok() {
	local what=$1
	shift

	try "$@"
	tap_result $RC "$what" && return
	printf 'exit %s from: %s\n%s\n%s\n' "$RC" "$*" "$OUT" "$ERR" | tap_comment
	return 1
}

# refuses DESCRIPTION CODE ERE CMD… — exits with CODE and one sentence that matches ERE;
# the steps that it shows before ("[#] …") do not count
refuses() {
	local what=$1 code=$2 pattern=$3 said
	shift 3

	try "$@"
	said=$(grep -v '^\[#\] ' "$WORK/err")
	[[ $RC -eq $code && $said != *$'\n'* && $said == "tproxy-loader: "* && $said =~ $pattern ]]
	tap_result $? "$what" && return
	printf 'exit %s (wanted %s) from: %s\nwanted one line matching: %s\ngot: %s\n' \
		"$RC" "$code" "$*" "$pattern" "$ERR" | tap_comment
	return 1
}

# relay_start [ARGS…] — starts it and waits until it listens
relay_start() {
	RELAY_LOG=$WORK/log/relay.$((${RELAY_RUN:-0} + 1))
	RELAY_RUN=$((${RELAY_RUN:-0} + 1))
	"$RELAY" -n "$ROUTER" "$@" >"$RELAY_LOG" 2>&1 </dev/null &
	RELAY_PID=$!
	disown "$RELAY_PID"
	wait_for 10 grep -q listening "$RELAY_LOG"
}

relay_stop() { # [SIGNAL]
	[[ -n $RELAY_PID ]] || return 0
	stop "$RELAY_PID" "${1:-TERM}"
	RELAY_PID=
	wait_for 5 relay_gone
}

# relay_gone — its registrar has closed the listeners, too
relay_gone() { ! listening "$ROUTER" tcp 15002; }

# relay_says ERE — its log has such a line, or gets one soon
relay_says() { wait_for 10 grep -Eq -- "$1" "$RELAY_LOG"; }
relay_silent() { ! grep -Eq -- "$1" "$RELAY_LOG"; }

# relay_reload [ERE] — it reads its files again and logs that: a line that matches ERE, or any result
relay_reload() {
	local said=${1:-SIGHUP: } before

	before=$(grep -Ec -- "$said" "$RELAY_LOG")
	kill -HUP "$RELAY_PID"
	wait_for 10 relay_said_more "$said" "$before"
}
relay_said_more() { [[ $(grep -Ec -- "$1" "$RELAY_LOG") -gt $2 ]]; }

# steering ADDRESS… — waits until new flows to these go through the relay
steering() {
	local address

	for address in "$@"; do
		wait_for 10 via_relay "$address" || return
	done
}

# seen ADDRESS [PORT] — prints relay or direct: the server saw the router or the client itself
seen() {
	case $(whoami_at "$1" "${2:-80}") in
	"$ROUTER4 "* | "$ROUTER6 "*) echo relay ;;
	"$CLIENT4 "* | "$CLIENT6 "*) echo direct ;;
	*) echo nobody ;;
	esac
}

via_relay() { [[ $(seen "$@") == relay ]]; }
direct() { [[ $(seen "$@") == direct ]]; }

# recorded ADDRESS — the log of the relay has a new flow there; for relays with the address of the
# client, which the server cannot distinguish from a direct flow
recorded() {
	whoami_at "$1" && wait_for 2 grep -Fq -- "-> $(bracket "$1"):80 " "$RELAY_LOG"
}

# whoami_at ADDRESS [PORT] — prints "address port" of the peer that nginx saw
whoami_at() { c curl -gsS -m 8 "http://$(bracket "$1"):${2:-80}/whoami"; }

# bracket ADDRESS — as in a URL
bracket() {
	if [[ $1 == *:* ]]; then echo "[$1]"; else echo "$1"; fi
}

# escaped ADDRESS — as an ERE
escaped() {
	local text=${1//./\\.}

	text=${text//[/\\[}
	echo "${text//]/\\]}"
}

# json_value EXPRESSION — prints a Python expression over `o`, the JSON object on standard input
json_value() { python3 -c 'import json,sys; o = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }

# counter NAME — prints a counter of the live program
counter() { loader status --json | json_value "o['counters']['$1']"; }

# flows_of RULE — prints how many flows matched it
flows_of() { loader --json rule list | json_value "[r['flows'] for r in o['rules'] if r['name'] == '$1'][0]"; }

# unchanged DESCRIPTION FILE — the router is as `snapshot` wrote it to FILE
unchanged() {
	wait_for 5 snapshot_equals "$2"
	same_text "$1" "$2" "$WORK/after"
}

# snapshot_equals FILE — the router is like that now; leaves its state in $WORK/after
snapshot_equals() { snapshot >"$WORK/after"; cmp -s "$1" "$WORK/after"; }

# bypass_none DESCRIPTION — no packet bypassed the proxy
bypass_none() { is "$1" "$(bypassed tcp) $(bypassed udp)" "0 0"; }

# --- what the relay writes ---

# record PROTO CLIENT DESTINATION PORT [REST] — prints the ERE of the record of a flow
record() {
	local from dst

	from=$(escaped "$(bracket "$2")")
	dst=$(escaped "$(bracket "$3")")
	echo "Z $1 $from:[0-9]+ -> $dst:$4 ${5-.*end=}"
}

# flow_ended CLIENT DESTINATION ERE [PORT] — the record of a TCP flow says how it ended
flow_ended() { ok "its record: $3" relay_says "$(record tcp "$1" "$2" "${4:-7007}" ".*end=$3")"; }

# --- load: one connection after the other, see class Churn in net.py ---

CHURN_PIDS=()

churn_start() { # ADDRESS PORT
	nsenter --net="/run/netns/$CLIENT" -- python3 "$LIB/net.py" churn "$1" "$2" "$WORK/churn$1" \
		>"$WORK/log/churn-$1" 2>&1 &
	CHURN_PIDS+=($!)
	disown $!
}

churn_stop() {
	local pid

	for pid in "${CHURN_PIDS[@]}"; do
		stop "$pid"
	done
	CHURN_PIDS=()
}

# churned ADDRESS COLUMN — prints the number so far of: 1 done, 2 failed, 3 relayed, 4 direct
churned() { cut -d' ' -f"$2" "$WORK/churn$1" 2>/dev/null || echo 0; }
churned_more() { [[ $(churned "$1" "$2") -ge $3 ]]; }

# relay_ticks — prints the CPU time of the relay, in ticks of 10 ms
relay_ticks() { awk '{ print $14 + $15 }' "/proc/$RELAY_PID/stat"; }

# --- resources of the relay ---
relay_kb() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$RELAY_PID/status"; }
relay_pipes() { find "/proc/$RELAY_PID/fd" -lname 'pipe:*' | wc -l; }
relay_fds() { find "/proc/$RELAY_PID/fd" -mindepth 1 2>/dev/null | wc -l; }
relay_fds_at_most() { [[ $(relay_fds) -le $1 ]]; }
