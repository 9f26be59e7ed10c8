#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# bandwidth-total and bandwidth-per-source: what all flows, or those of one client, move in a second,
# TCP and UDP, in each direction and in all threads together. SIGHUP changes them for flows that run.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/udp.sh"

CONF=$WORK/relay.conf
limit() { # LINE… — read by the running relay, if there is one
	printf '[relay]\n' >"$CONF"
	printf '%s\n' "$@" >>"$CONF"
	[[ -n $RELAY_PID ]] || return 0
	relay_reload 'SIGHUP: lists'
}
# downloads SOURCE N — one after the other starts, all run at the same time; prints the seconds
downloads() {
	local source=$1 n=$2 to=$SERVER4
	local -a each=()

	[[ $source != *:* ]] || to="[$SERVER6]"
	for ((; n > 0; n--)); do
		each+=(-o /dev/null "http://$to/million")
	done
	c curl -gsS --parallel --parallel-immediate -m 60 --interface "$source" "${each[@]}"
}
seconds() { # CMD… — prints how long it takes
	local begin=$EPOCHREALTIME

	"$@" >"$WORK/seconds.text" 2>&1 || { cat "$WORK/seconds.text" && return 1; }
	awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f", b - a }'
}
both() {
	local pid

	downloads "$CLIENT4" 2 &
	pid=$!
	downloads 10.77.1.3 2
	wait "$pid"
}

prepare nginx
head -c 1000000 /dev/urandom >"$WORK/www/million"
serve_peer echo 7007
serve_peer ack 7008
ip -n "$CLIENT" addr add 10.77.1.3/24 dev c0
limit 'bandwidth-total = 1M'
ok "the relay starts" relay_start -c "$CONF"
do_ok "attach" loader attach r0 --ports 80,7007,udp/7007,udp/7008 --to 10.77.2.0/24,fd77:2::/64
ok "flows go through the relay" steering $SERVER4 $SERVER6

# A sixth of a second is there at once, and half as much for TCP alone.
took=$(seconds downloads $CLIENT4 3)
at_most "total: 3 MB of three connections take 2.5 seconds or more" 2.5 "$took"
at_most "and not much more than three" "$took" 7
took=$(seconds both)
at_most "total: 4 MB of two clients take 3.5 seconds or more" 3.5 "$took"

limit 'bandwidth-per-source = 1M'
took=$(seconds downloads $CLIENT4 3)
at_most "for each source: 3 MB take 2.5 seconds or more" 2.5 "$took"
took=$(seconds downloads $CLIENT6 3)
at_most "over IPv6 as well" 2.5 "$took"
at_most "and not much more than three" "$took" 7

# of 4 MB half comes back in time, and the flow is not slowed down
limit 'bandwidth-total = 1M'
gone() { # RESULT — prints sent - received, in kilobytes
	local words
	read -ra words <<<"$1"
	echo $((words[1] - words[3]))
}
result=$(flow $SERVER4 7007 count=4000 size=1000 window=4000 idle=500)
like "total: datagrams beyond it are lost: $result" "$result" " wrong 0 "
like "most of a burst of 4 MB" "$(($(gone "$result") > 1500))" 1
like "but not all" "$(($(gone "$result") < 3950))" 1
sleep 1
lossless "what fits passes whole" 300 "$(flow $SERVER4 7007 count=300 size=1000 window=10 pause=2)"

# TCP does not take what is for UDP
downloads $CLIENT4 5 >/dev/null 2>&1 &
pid=$!
sleep 1
lossless "datagrams pass beside downloads that fill it" 100 "$(flow $SERVER4 7007 count=100 size=500 window=1 pause=10)"
wait $pid

limit 'bandwidth = 0'
took=$(seconds downloads $CLIENT4 3)
at_most "without a limit it is fast" "$took" 2
lossless "for datagrams, too" 4000 "$(flow $SERVER4 7007 count=4000 size=1000 window=100)"
relay_stop
unlike "the summary counts them" "$(relay_ended .)" " 0 over a bandwidth"
finish
