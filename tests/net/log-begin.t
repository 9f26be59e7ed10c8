#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# log-begin: a flow is logged when it begins, so that the log of a relay that was killed names the
# flows that were open.
. "$(dirname "$0")/../lib/test.sh"

CONF=$WORK/relay.conf
conf() {
	printf '[relay]\n' >"$CONF"
	printf '%s\n' "$@" >>"$CONF"
}

# hold — a TCP connection that stays
hold() {
	nsenter --net="/run/netns/$CLIENT" -- python3 "$LIB/net.py" hold "$1" 7007 "$WORK/never" >"$WORK/held" 2>&1 &
	SERVE_PIDS+=($!)
	disown $!
	wait_for 10 grep -q up "$WORK/held"
}
begun() { record "$1" "$2" "$3" "$4" "via .* start\$"; }
lines() { grep -Ec -- "$1" "$RELAY_LOG"; }
get_helper() { HELPER=$(pgrep -P "$RELAY_PID"); }

# json — prints the events with the id of the first event flow-start to port 7007
json() {
	python3 -c '
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1]) if line.startswith("{")]
first = [l for l in lines if l["event"] == "flow-start" and l["dst_port"] == 7007][0]
print(*[l["event"] for l in lines if l.get("id") == first["id"]])
print(*[first[k] for k in ("proto", "client", "dst", "source")])
' "$RELAY_LOG"
}

prepare nginx echo
do_ok "attach" loader attach r0 --ports 80,81,7007,udp/7007,udp/7008 --to 10.77.2.0/24,fd77:2::/64
conf 'log-begin = no'
ok "the relay starts" relay_start -c "$CONF"
ok "flows go through the relay" steering $SERVER4 $SERVER6
ok "by default a flow" hold $SERVER4
ok "has no beginning in the log" relay_silent ' start$'

conf 'log-begin = yes'
ok "SIGHUP: log-begin = yes" relay_reload 'SIGHUP: lists'
ok "a flow" hold $SERVER4
ok "its beginning is logged" relay_says "$(begun tcp $CLIENT4 $SERVER4 7007)"
ok "a flow over IPv6" hold $SERVER6
ok "its beginning is logged" relay_says "$(begun tcp $CLIENT6 $SERVER6 7007)"
is "a datagram" "$(cpy udp $SERVER4 7007 10)" 1
ok "the beginning of its flow is logged" relay_says "$(begun udp $CLIENT4 $SERVER4 7007)"
is "a closed port" "$(cpy probe $SERVER4 81)" "connected reset"
ok "has an end" relay_says "$(record tcp $CLIENT4 $SERVER4 81)"
is "and no beginning" "$(lines ':81 .* start$')" 0
ok "a short flow" via_relay $SERVER4
ok "has an end" relay_says "$(record tcp $CLIENT4 $SERVER4 80)"
is "and a beginning" "$(lines "$(begun tcp $CLIENT4 $SERVER4 80)")" 1

ok "it has a helper process" get_helper
kill -KILL "$RELAY_PID"
ok "killed" wait_for 10 process_gone "$RELAY_PID"
RELAY_PID=
ok "the open flows are in its log" test "$(lines "$(begun tcp $CLIENT4 $SERVER4 7007)")" -eq 1
is "without an end" "$(lines "$(record tcp $CLIENT4 $SERVER4 7007)")" 0

ok "its helper ends" wait_for 10 process_gone "$HELPER"
ok "as JSON, by the option" relay_start -c "$CONF" --log-begin yes --log-format json
ok "flows go through the relay" steering $SERVER4
is "an answer" "$(cpy probe $SERVER4 7007 0.3)" "connected open"
ok "its record" relay_says '"event":"flow",.*"dst_port":7007,.*"end":'
is "beginning and end have one id" "$(json)" "flow-start flow
tcp $CLIENT4 $SERVER4 $ROUTER4"
relay_stop
bypass_none "no flow went past the relay"
finish
