#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# TCP and UDP share the descriptors: any number of flows of one leaves some to the other. Of UDP
# flows, too, the client that has the most loses his own.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/udp.sh"

ulimit -n "$(ulimit -Hn)"
# a limit that even root cannot raise
cat >"$WORK/relay" <<-SCRIPT
	#!/bin/sh
	exec prlimit --nofile=512:512 setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource \
		"$TOP/tproxy-relay" "\$@"
SCRIPT
chmod +x "$WORK/relay"
RELAY=$WORK/relay

greedy() { # NAME COMMAND… — starts it in the background
	local name=$1
	shift

	serve_run "$name" "$CLIENT" python3 "$LIB/greedy.py" "$@"
}
said() { grep -Eq "$2" "$WORK/log/$1"; }
counted() { # NAME — tells it to count, and prints how many of its flows work
	touch "$WORK/$1.go"
	wait_for 60 said "$1" '^[0-9]+$'
	grep -E '^[0-9]+$' "$WORK/log/$1"
}
echoes() { [[ $(cpy probe "$SERVER4" 7007 0.3) == "connected open" ]]; }
relays() { # ARGS…
	relay_stop
	relay_start "$@" && wait_for 10 echoes
}

prepare echo
for n in {10..39}; do
	ip -n "$CLIENT" addr add 10.77.1."$n"/24 dev c0
done
do_ok "attach" loader attach r0 --ports 7007,udp/7007 --to 10.77.2.0/24,fd77:2::/64

# --- UDP beside TCP ---
ok "the relay starts" relays
greedy crowd attack $SERVER4 7007 300 "$WORK/crowd.go" 10.77.1.{10..39}
ok "thirty clients try ten connections each" wait_for 60 said crowd tried
is "60 UDP flows are answered" "$(c python3 "$LIB/greedy.py" datagrams $SERVER4 7007 $CLIENT4 60)" 60
is "60 of IPv6, too" "$(c python3 "$LIB/greedy.py" datagrams $SERVER6 7007 $CLIENT6 60)" 60
left=$(counted crowd)
like "the connections have the rest: $left" "$((left > 130))" 1

# --- TCP beside UDP ---
ok "a relay without a limit for each client starts" relays --max-flows-per-source 0
greedy victim flows $SERVER4 7007 10.77.1.10 10 "$WORK/victim.go"
ok "ten UDP flows" wait_for 20 said victim up
greedy taker flows $SERVER4 7007 10.77.1.11 400 "$WORK/taker.go"
ok "another client has 400, all of them answered" wait_for 60 said taker up
greedy guest sessions $SERVER4 7007 $CLIENT4 80 "$WORK/guest.go"
ok "80 connections find room" wait_for 20 said guest up
serve_run flood "$CLIENT" "$PEER" flood $SERVER4 7007 300000
sleep 0.2
greedy late sessions $SERVER4 7007 10.77.1.12 20 "$WORK/late.go"
ok "20 more during a flood of datagrams from random sources" wait_for 30 said late up
is "the 80 work" "$(counted guest)" 80
is "the 20 work" "$(counted late)" 20
is "the ten UDP flows are the same" "$(counted victim)" 10
nok "no connection was lost" grep -E "tcp .* end=(evicted|limit)" "$RELAY_LOG"
relay_stop
unlike "the limits were reached" "$(relay_ended .)" " 0 over a limit"
finish
