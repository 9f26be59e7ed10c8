#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# kill -9 of attach --local and of detach --local at any system call: connections of the host, old and
# new ones, work on, and the next command completes or removes what is there. FULL=1 tries every call
# instead of a sample.
TEST_LIMIT=$([[ -n ${FULL-} ]] && echo 3600 || echo 600)
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"
# shellcheck source=tests/lib/strace.sh
. "$TOP/tests/lib/strace.sh"

SAMPLE=${FULL:+100000}
SAMPLE=${SAMPLE:-5}
calls="bpf sendto sendmsg unlink unlinkat rename renameat renameat2"
strace_works
prepare
own_ways
own_cgroups
own_server || fatal "the server starts"
own_proxy || fatal "the proxy starts"
options=(--local --cgroup "$CGROUP" --ports "$PORT,udp/$PORT" --proxy "$PROXY_PORT")
snapshot >"$WORK/before"
snapshot_quick >"$WORK/before-quick"

hooks() { bpftool cgroup show "$CGROUP" 2>/dev/null | grep -c own_; }
quick_equals() { [[ $(hooks) -eq 0 && "$(snapshot_quick)" == "$(<"$WORK/before-quick")" ]]; }
left_clean() { # TEXT
	wait_for 5 quick_equals && tap_result 0 "$1" && return
	snapshot_quick >"$WORK/after-quick"
	same_text "$1" "$WORK/before-quick" "$WORK/after-quick"
	loader clean >>"$WORK/log/killed" 2>&1
	loader detach --all >>"$WORK/log/killed" 2>&1
}
# a host works: an ordinary port, and the one of the rules, by the proxy or straight
works() { # TEXT
	is "$1: other TCP" "$(sock tcp4 "connect=$SERVER4:$OTHER" say)" "$(around)"
	is "$1: other UDP" "$(sock udp6 "ask=[$SERVER6]:$OTHER")" "$(around $ROUTER6)"
	like "$1: TCP of a rule" "$(sock tcp4 "connect=$SERVER4:$PORT" say)" "^(direct|proxy) "
	like "$1: TCP of a rule, IPv6" "$(sock tcp6 "connect=[$SERVER6]:$PORT" say)" "^(direct|proxy) "
	like "$1: UDP of a rule" "$(sock udp4 "ask=$SERVER4:$PORT")" "^(direct|proxy) "
}
proxied() { # TEXT
	is "$1: then TCP is proxied" "$(sock tcp4 "connect=$SERVER4:$PORT" say)" "$(through $SERVER4 $PORT)"
	is "$1: then UDP is proxied" "$(sock udp6 "ask=[$SERVER6]:$PORT")" "$(through $SERVER6 $PORT)"
}

# a connection and a connected UDP socket that live as long as the test
app "${PY[@]}" tcp4 "connect=$SERVER4:$OTHER" say "wait=$WORK/end" say >"$WORK/old-tcp" 2>&1 &
SERVE_PIDS+=($!)
app "${PY[@]}" udp4 "connect=$SERVER4:$PORT" say "wait=$WORK/end" say >"$WORK/old-udp" 2>&1 &
SERVE_PIDS+=($!)
ok "flows of before" wait_for 20 grep -q direct "$WORK/old-udp" "$WORK/old-tcp"

turn=0
recover() { # TEXT — attach, detach --local and clean in turn
	local left

	case $((turn++ % 3)) in
	0)
		do_ok "$1: attach" loader attach "${options[@]}"
		own exclude "$CGROUP/proxy"
		is "$1: it is complete" "$(hooks) $(loader -j status | json_value "o['own']['routing4']+o['own']['routing6']")" "8 okok"
		proxied "$1"
		;;
	1)
		try loader detach --local
		[[ $RC -eq 0 || $RC -eq 3 ]]
		tap_result $? "$1: detach --local (exit $RC)"
		left=$(hooks)
		is "$1: no hook is left" "$left" 0
		;;
	2) do_ok "$1: clean" loader clean ;;
	esac
	try loader detach --all
	left_clean "$1: nothing is left"
}

sweep() { # FILE-OF-CALLS VERB ARG…
	local call count n name

	while read -r call count <&3; do
		for n in $(points "$count" "$SAMPLE"); do
			name="$2 killed at $call $n of $count"
			[[ $2 == attach ]] || { loader attach "${options[@]}" && own exclude "$CGROUP/proxy"; } >>"$WORK/log/killed" 2>&1
			loader_killed "$call" "$n" "${@:2}" || echo "# $call $n: ended by itself"
			works "$name"
			recover "$name"
		done
	done 3<"$1"
}

loader_calls "$calls" attach "${options[@]}" >"$WORK/attach-calls"
loader_calls "$calls" detach --local >"$WORK/detach-calls"
loader detach --all >>"$WORK/log/killed" 2>&1
left_clean "nothing is left to begin with"
like "attach makes bpf calls" "$(<"$WORK/attach-calls")" 'bpf [0-9]+'
sweep "$WORK/attach-calls" attach "${options[@]}"
sweep "$WORK/detach-calls" detach --local

# --- parts of the state directory are gone ---
for part in internal/own_config internal/tokens progs/own_lo links/own_connect4 config; do
	for how in detach clean; do
		loader attach "${options[@]}" >>"$WORK/log/killed" 2>&1
		rm -f "$PINS/$part"
		works "without $part"
		[[ $how == clean ]] || try loader detach --all
		do_ok "without $part: clean" loader clean
		try loader detach --all
		left_clean "without $part, $how: nothing is left"
	done
done
loader attach "${options[@]}" >>"$WORK/log/killed" 2>&1
rm -rf "${PINS:?}"
works "without the directory"
do_ok "without the directory: clean" loader clean
left_clean "without the directory: nothing is left"

touch "$WORK/end"
twice() { [[ $(grep -c direct "$1") -eq 2 ]]; }
ok "the connection of before lives" wait_for 20 twice "$WORK/old-tcp"
ok "the connected UDP socket of before, too" wait_for 20 twice "$WORK/old-udp"
unchanged "at the end nothing is left" "$WORK/before"
finish
