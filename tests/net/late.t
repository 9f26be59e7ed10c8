#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Segments that arrive after the end of a proxied flow do not reach the server: the client gets a
# reset. Flows that were never at the proxy, or begin again without it, are left alone.
. "$(dirname "$0")/../lib/test.sh"

late() { corner late "$1" 7007 "$2"; }
ports() { do_ok "port $1" loader port "$1" tcp/7007; }

prepare peer
relay_start
do_ok "attach" loader attach r0 --ports 7007,7009
ok "flows go through the relay" wait_for 10 whole 1

check() { # ADDRESS CLIENT
	local before

	is "the server resets a flow ($1)" "$(play "$1" sport=5001,end=none send=10,end=rst)" \
		"client 10 same reset, server 0 same rst-sent"
	bypass_reset
	before=$(counter late)
	is "a late segment of it is answered by a reset" "$(late "$1" 5001)" reset
	bypass_none "and does not go past the relay"
	is "which is counted" "$(($(counter late) - before))" 1
	ports del
	try loader test tcp "$2:5001" "$(bracket "$1"):7007"
	is "\`test\` is asked about a flow like it, which would pass" $RC 6
	ports add
	is "that forgets nothing: the late segment is answered by a reset" "$(late "$1" 5001)" reset
	bypass_none "and does not go past the relay"
	is "the server answers one of a flow that never was here" "$(late "$1" 5002)" reset
	is "which does bypass the relay" "$(bypassed tcp)" 1

	ports del
	is "without the rule the same flow begins again" \
		"$(play "$1" sport=5001,end=none send=10,end=rst)" "client 10 same reset, server 0 same rst-sent"
	before=$(counter late)
	is "its late segments are the server's" "$(late "$1" 5001)" reset
	is "and left alone" "$(counter late)" "$before"
	ports add
}

check $SERVER4 $CLIENT4
check $SERVER6 "[$CLIENT6]"

# Without a proxy the segment waits for one, unless everything is to pass.
is "a flow is reset" "$(play $SERVER4 sport=5003,end=none send=10,end=rst)" \
	"client 10 same reset, server 0 same rst-sent"
relay_stop
bypass_reset
is "without a relay its late segment is dropped" "$(late $SERVER4 5003)" silence
bypass_none "as new flows are"
do_ok "on-proxy-down pass" loader attach r0 --ports 7007,7009 --on-proxy-down pass
is "then the server answers it" "$(late $SERVER4 5003)" reset
do_ok "on-proxy-down drop" loader attach r0 --ports 7007,7009 --on-proxy-down drop
ok "the relay starts" relay_start
ok "and serves" wait_for 10 whole 1

# With the proxy its sockets go, under the segments of everybody.
for to in $SERVER4 $SERVER6; do
	bypass_reset
	players=()
	for _ in {1..4}; do
		play "$to" send=100000000,pace=2 end=none >"$WORK/play.$RANDOM" &
		players+=($!)
	done
	ok "flows run" wait_for 10 established
	sleep 0.3
	relay_stop KILL
	wait "${players[@]}"
	bypass_none "the relay is killed: nothing goes past it"
	ok "it starts again" relay_start
	ok "and serves" wait_for 10 whole 1
done
finish
