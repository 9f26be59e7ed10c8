#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A relay that is bound to a device takes the flows that enter there, of rules that name its port,
# and no others. Another relay serves another device on the same port, and the next relay for the
# same device takes over. A device that cannot work is refused with one clear line.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/bound.sh"

server_probes() { s python3 "$LIB/net.py" probe "$1" 80 "$2"; }

prepare nginx dns echo
serve_run client-echo "$CLIENT" python3 "$LIB/net.py" echo 80
wait_for 10 listening "$CLIENT" tcp 80 || fatal "the client's echo server starts"
relay_fails "no such device" '^tproxy-relay: --device nosuch0: no such device' --device nosuch0
try "$RELAY" --device longer-than-any-device
is "an invalid name: exit 2, one line" "$RC $ERR" \
	"2 tproxy-relay: --device longer-than-any-device: too long (see tproxy-relay --help)"
ok "a relay bound to r0 starts" relay_start --device r0
ok "says how to reach it" relay_says 'bound to r0: .*\(--proxy 15002\)'
do_ok "attach" loader attach r0 --ports 80,udp/9,udp/53,udp/7007 --proxy 15002
ok "flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset
relayed r0 $CLIENT4 $SERVER4 $ROUTER4
relayed r0 $CLIENT6 $SERVER6 $ROUTER6

first=$RELAY_PID
relay_fails "one without the device cannot have the port" \
	'listener TCP 127.0.0.1:15002: Address already in use'
ok "the next one for r0 starts" relay_start --device r0
next=$RELAY_PID
ok "by taking the listeners over" relay_says 'taking the listeners over'
kill -TERM "$first"
ok "the previous one ends" wait_for 20 process_gone "$first"
relayed "taken over" $CLIENT4 $SERVER4 $ROUTER4
relayed "taken over" $CLIENT6 $SERVER6 $ROUTER6

do_ok "attach the other device" loader attach r1 --ports 80 --proxy 15002
before=$(counter down_drop)
for to in $CLIENT4 $CLIENT6; do
	is "a flow that comes in there gets no relay: $to" "$(server_probes "$to" 1)" timeout
done
like "which is counted" "$(($(counter down_drop) > before))" 1
of_r0=$RELAY_LOG
ok "a relay bound to r1 starts beside it, on the same port" relay_start --device r1
ok "with listeners of its own" relay_silent 'taking the listeners over'
for to in $CLIENT4 $CLIENT6; do
	like "the flow continues there: $to" "$(server_probes "$to" 2)" connected
done
ok "by this relay" relay_says "$(record tcp $SERVER4 $CLIENT4 80)"
nok "not by the other" grep -q -- "-> $(escaped $CLIENT4):80 " "$of_r0"

do_ok "detach" loader detach --all
do_ok "attach for a relay in the socket map" loader attach r0 --ports 80
for to in $SERVER4 $SERVER6; do
	is "relays bound to devices are not there: $to" "$(cpy probe "$to" 80 1)" timeout
done
relay_stop # that of r1
RELAY_PID=$next
RELAY_LOG=$of_r0
try loader -j status
like "status says why" "$OUT" 'bound to r0 takes only flows of rules that name its port'
like "and what helps" "$OUT" '"next":"tproxy-loader attach r0 --proxy 15002"'
do_ok "which" loader attach r0 --proxy 15002
ok "helps" steering $SERVER4 $SERVER6
bypass_none "no packet went past"
finish
