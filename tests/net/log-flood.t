#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What clients can cause in the log is bounded: one that dials closed ports, or refused ones, or
# sends datagrams to them, fills some kB. The counts of what was left out come by themselves, and
# the records of other clients and of relayed flows are not touched.
. "$(dirname "$0")/../lib/test.sh"

OTHER4=10.77.1.9
CONF=$WORK/relay.conf

# dials — connects to closed ports one after the other for 3 seconds; prints how often
cat >"$WORK/dial.py" <<'PY'
import socket, sys, time
kind, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
end, n = time.monotonic() + 3, 0
while time.monotonic() < end:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET,
                         socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    sock.settimeout(1)
    try:
        sock.connect((host, port))
        sock.send(b"x")
        if kind == "tcp":
            sock.recv(1)
    except OSError:
        pass
    sock.close()
    n += 1
    if kind == "udp": # the relay must be able to take each of them
        time.sleep(0.001)
print(n)
PY
dial() { c python3 "$WORK/dial.py" "$@"; }

# size — bytes that others than relayed flows have caused
size() { grep -Ev 'end=(client|server)-fin$' "$RELAY_LOG" | wc -c; }
lines() { grep -Ec -- "$1" "$RELAY_LOG"; }
# counted CLIENT END — the sum of the counts of flows that were left out
counted() {
	awk -v who="info $1:" -v end="ended $2 in" \
		'index($0, who) && index($0, end) { n += $4 } END { print n + 0 }' "$RELAY_LOG"
}
# accounted CLIENT END ERE — flows that were written or counted
accounted() { echo $(($(counted "$1" "$2") + $(lines "$3"))); }
accounted_more() { [[ $(accounted "${@:2}") -ge $1 ]]; }

# flood DESCRIPTION CLIENT END DIAL-ARGS… — the records of the flood are few, the rest is counted
flood() {
	local what=$1 client=$2 end=$3 bytes flows record before
	shift 3

	record=" $1 $(escaped "$client"):[0-9]+ -> [^ ]*:$3 .*end=$end"
	bytes=$(size)
	before=$(accounted "$client" "$end" "$record")
	flows=$(dial "$@")
	ok "$what: $flows flows are many" test "$flows" -gt 200
	ok "$what: the counts come by themselves" \
		wait_for 20 accounted_more $((before + flows)) "$client" "$end" "$record"
	is "$what: each flow is written or counted once" \
		$(($(accounted "$client" "$end" "$record") - before)) "$flows"
	# 20 at once and 10 a second; a busy machine may take longer than 3 seconds
	at_most "$what: the records" "$(lines "$record")" 100
	at_most "$what: the bytes" $(($(size) - bytes)) 25000
}

prepare nginx echo
ip -n "$CLIENT" addr add $OTHER4/24 dev c0
conf() {
	printf '[relay]\n' >"$CONF"
	printf '%s\n' "$@" >>"$CONF"
}
conf 'deny = all:81'
ok "the relay starts" relay_start -c "$CONF"
do_ok "attach" loader attach r0 --ports 80-89,7007,udp/7007,udp/80-89 --to 10.77.2.0/24,fd77:2::/64
ok "flows go through the relay" steering $SERVER4 $SERVER6

churn_start $SERVER4 80
flood "closed ports" $CLIENT4 connect-failed tcp $SERVER4 82
churn_stop
relay_records=$(lines "$(record tcp $CLIENT4 $SERVER4 80)")
ok "meanwhile each relayed flow has its record" test "$relay_records" -ge "$(churned $SERVER4 1)"
flood "refused ports" $CLIENT4 refused tcp $SERVER4 81
flood "refused datagrams" $CLIENT4 refused udp $SERVER4 81

# during a flood another client has its records
dial tcp $SERVER4 83 >"$WORK/flows" &
dialing=$!
ok "a flood" relay_says '10.77.1.2:[0-9]+ -> 10.77.2.2:83 .*end=connect-failed'
nok "another client at a closed port" c curl -sS -m 5 --interface $OTHER4 "http://$SERVER4:84/"
ok "has its record" relay_says "$(record tcp $OTHER4 $SERVER4 84 '.*end=connect-failed')"
wait "$dialing"
quiet() { [[ $(lines 'more flows ended connect-failed') -ge 2 ]]; }
ok "the flood is counted" wait_for 20 quiet

# idle: nothing wakes the main thread
switches() { awk '/ctxt_switches/ { n += $2 } END { print n }' "/proc/$RELAY_PID/task/$RELAY_PID/status"; }
rests() {
	local before

	before=$(switches)
	sleep 3
	[[ $(switches) -eq $before ]]
}
ok "without flows the main thread sleeps" wait_for 20 rests
relay_stop

# an IPv6 client is its prefix; JSON
ok "the relay starts with JSON" relay_start -c "$CONF" --log-format json
ok "flows go through the relay" steering $SERVER6
flows=$(dial tcp $SERVER6 82)
ok "the counts come as JSON" wait_for 20 grep -q '"event":"flows-left-out"' "$RELAY_LOG"
total=$(python3 -c '
import json, sys
records = counts = 0
for line in open(sys.argv[1]):
    o = json.loads(line)
    if o["event"] == "flow" and o["end"] == "connect-failed":
        records += 1
    if o["event"] == "flows-left-out":
        assert o["client"] == "fd77:1::/64" and o["end"] == "connect-failed" and o["seconds"] < 60, o
        counts += o["count"]
print(records + counts)
' "$RELAY_LOG")
is "each flow is written or counted once" "$total" "$flows"
# what is still to be counted at the end is counted then
flows=$(dial tcp $SERVER6 83)
relay_stop
total=$(($(grep -c '"dst_port":83,.*connect-failed' "$RELAY_LOG") + $(grep -o '"count":[0-9]*' "$RELAY_LOG" | tail -n 1 | cut -d: -f2)))
is "also those of the last seconds" "$total" "$flows"
bypass_none "no flow went past the relay"
finish
