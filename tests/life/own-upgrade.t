#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Another build takes over with own traffic attached, under load: programs change in place, no flow of the
# rules goes past the proxy, and old flows stay. Killed in the middle, the next attach completes it.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"
# shellcheck source=tests/lib/strace.sh
. "$TOP/tests/lib/strace.sh"

NEXT=$TOP/build/tests/next/tproxy-loader
[[ -x $NEXT ]] || fatal "the other build is there (make tests)"
strace_works

by() { "$1" -n "$ROUTER" "${@:2}"; }
# the programs on the cgroup and on lo, and the links that hold them
programs() {
	bpftool -j cgroup show "$CGROUP" | json_value "' '.join(sorted(str(p['id']) for p in o if p['name'].startswith('own_')))"
	r python3 "$LIB/net.py" attached | grep lo
}
links() { stat -c %i "$PINS"/links/own_*; }
flow() { # NAME STEP… — prints to $WORK/NAME.out
	app "${PY[@]}" "${@:2}" >"$WORK/$1.out" 2>&1 &
	SERVE_PIDS+=($!)
	disown $!
}
said() { [[ $(paste -sd' ' "$WORK/$1.out") == "$2" ]]; }
# load — new flows until $WORK/stop is there
load() {
	while [[ ! -e $WORK/stop ]]; do
		sock tcp4 "connect=$SERVER4:$PORT" say
		sock tcp6 "connect=[$SERVER6]:$PORT" say
		sock udp4 "ask=$SERVER4:$PORT"
		sock udp6 "connect=[$SERVER6]:$PORT" say
	done >"$WORK/load.out"
}

prepare
own_up --ports "$PORT,udp/$PORT"
t4="$(through $SERVER4 $PORT)" t6="$(through $SERVER6 $PORT)"
flow tcp tcp4 "connect=$SERVER4:$PORT" say "wait=$WORK/go" say
flow udp udp6 "connect=[$SERVER6]:$PORT" say "wait=$WORK/go" say
ok "a connection" wait_for 10 said tcp "$t4"
ok "and a connected socket" wait_for 10 said udp "$t6"
own_reset
load &
LOAD=$!
before=$(programs) pins=$(links)
for round in 1 2; do
	for build in "$NEXT" "$LOADER"; do
		do_ok "round $round: the other build attaches" by "$build" attach r0
		like "round $round: replaces the programs" "$ERR" 'replace the programs of another build'
		now=$(programs)
		ok "round $round: all are other ones" [ "$now" != "$before" ]
		is "round $round: in the same links" "$(links)" "$pins"
		is "round $round: as many" "$(wc -w <<<"$now")" "$(wc -w <<<"$before")"
		before=$now
	done
done
touch "$WORK/stop" "$WORK/go"
wait $LOAD
like "new flows met the proxy" "$(sort -u "$WORK/load.out" | paste -sd,)" "^proxy .*,proxy "
unlike "all of them" "$(<"$WORK/load.out")" 'direct|refused|timed|EPERM|RESET'
none_direct "none went past it"
ok "the connection of before lives" wait_for 10 said tcp "$t4 $t4"
ok "the connected socket, too" wait_for 10 said udp "$t6 $t6"

# --- killed in the middle ---
calls=$(strace -f -qq -o /dev/stdout -e trace=bpf "$NEXT" -n "$ROUTER" attach r0 2>/dev/null | grep -c '^[0-9]* *bpf(')
by "$LOADER" attach r0 >/dev/null 2>&1
for n in $(points "$calls" 8); do
	strace -f -qq -o /dev/null -e trace=bpf -e "inject=bpf:signal=KILL:when=$n" \
		"$NEXT" -n "$ROUTER" attach r0 >>"$WORK/log/killed" 2>&1
	is "killed at $n of $calls: TCP" "$(sock tcp4 "connect=$SERVER4:$PORT" say)" "$t4"
	is "killed at $n of $calls: UDP" "$(sock udp6 "ask=[$SERVER6]:$PORT")" "$t6"
	do_ok "killed at $n of $calls: the next attach" by "$LOADER" attach r0 --local --cgroup "$CGROUP"
	is "killed at $n of $calls: in the same links" "$(links)" "$pins"
	is "killed at $n of $calls: no pin is left of it" "$(find "$PINS/progs" -name '*_next' | wc -l)" 0
	is "killed at $n of $calls: TCP, IPv6" "$(sock tcp6 "connect=[$SERVER6]:$PORT" say)" "$t6"
done
none_direct "nothing went past the proxy"
own_down
finish
