#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# UDP flows that never fall silent outlive changes of the router's uplink: another address, a device
# that is made again, a route that moves to another uplink. Flows whose address is still right keep
# it.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/talk.sh"
. "$(dirname "$0")/../lib/udp.sh"
. "$(dirname "$0")/../lib/path.sh"

said_moved() { [[ $(grep -c 'path: [0-9]* UDP flows continue' "$RELAY_LOG") -ge $1 ]]; }

prepare
serve_greet 7001 7002 7003
serve_peer echo 7004
ok "there is a second uplink" uplink_second
ok "the relay starts" relay_start --workers 2
do_ok "attach" loader attach r0 --ports udp/7001-7004 \
	--to 10.77.2.0/23,10.77.4.0/24,fd77:2::/64,fd77:3::/64,fd77:4::/64

# --- another address ---
both a 7001
flow_start busy $SERVER4 7004 count=4000000 window=64 gso=16 pause=1 idle=200
ok "a busy flow runs" wait_for 20 answers_reach busy 20000
ok "it is promoted" wait_for 20 direct_sockets_are $SERVER4 7004 1
addresses_remove $ROUTER4 $ROUTER6
addresses_add $MOVED4 $MOVED6
before=$(answers busy)
moves "the uplink has another address" a4 "$ROUTER4 $MOVED4"
moves "of IPv6, too" a6 "$ROUTER6 $MOVED6"
ok "the busy flow continues" wait_for 20 answers_reach busy $((before + 20000))
kill "${FLOW_PID[busy]}"
ok "the log says how many flows moved" wait_for 10 said_moved 1
at_most "not one by one" "$(grep -c 'path: ' "$RELAY_LOG")" 2

# --- the address comes back at once, as with a DHCP client that starts again ---
both b 7002
addresses_remove $MOVED4 $MOVED6
sleep 0.7 # datagrams that find no address
addresses_add $MOVED4 $MOVED6
goes_on "the address was gone for a moment" b4 $MOVED4
goes_on "of IPv6, too" b6 $MOVED6

# --- the device is made again ---
addresses_remove $MOVED4 $MOVED6
addresses_add $ROUTER4 $ROUTER6
uplink_again
ok "the link is up again" wait_for 10 topo_settled
moves "the device was made again" b4 "$MOVED4 $ROUTER4"
moves "of IPv6, too" b6 "$MOVED6 $ROUTER6"

# --- an address that is still right ---
both d 7002
ip -n "$ROUTER" addr add 10.77.2.77/24 dev r1
ip -n "$ROUTER" route replace 10.77.2.0/24 dev r1 src 10.77.2.77
sleep 3
goes_on "another address on the same device changes nothing" d4 $ROUTER4
is "a new flow has it" "$(cpy udp-who $SERVER4 7002 | cut -d' ' -f1)" 10.77.2.77
ip -n "$ROUTER" route replace 10.77.2.0/24 dev r1 src $ROUTER4
ip -n "$ROUTER" addr del 10.77.2.77/24 dev r1

# --- the route moves, both addresses stay ---
ip -n "$SERVER" route add $ROUTER4 dev s0 src $EXTRA4 # the server answers from there
ip -n "$SERVER" route add $UPLINK4 dev s2 src $EXTRA4
ip -n "$SERVER" -6 route add $ROUTER6 dev s0 src $EXTRA6
ip -n "$SERVER" -6 route add $UPLINK6 dev s2 src $EXTRA6
uplink_use 1
for to in 4 6; do
	extra=EXTRA$to gate=ROUTER$to
	ok "a flow to a further address runs" talk_start c$to ${!extra} 7003
	is "from the first uplink" "$(whom c$to)" ${!gate}
done
uplink_use 2
moves "the route moved to the second uplink" c4 "$ROUTER4 $UPLINK4"
moves "of IPv6, too" c6 "$ROUTER6 $UPLINK6"
uplink_use 1
ip -n "$ROUTER" link set r2 down
is_at_first() { [[ $(r ss -Hnu state established "src $1 dst $2:7003" | wc -l) -eq 1 ]]; }
ok "and back, when the second one fails" wait_for 20 is_at_first $ROUTER4 $EXTRA4
goes_on "it still runs" c4 "$ROUTER4 $UPLINK4"
ip -n "$ROUTER" link set r2 up
ip -n "$ROUTER" addr add $UPLINK6/64 dev r2 nodad 2>/dev/null
ok "the second one works again" wait_for 10 topo_settled

# --- a flow whose own address still leads to its uplink stays ---
ip -n "$ROUTER" route add 10.77.3.0/24 via $SERVER4 table 77
ip -n "$ROUTER" rule add from $ROUTER4 lookup 77 pref 300
ok "a further flow" talk_start e4 $EXTRA4 7003
uplink_use 2
ok "a new flow takes the new route" talk_start f4 $EXTRA4 7003
is "its address shows it" "$(whom f4)" $UPLINK4
sleep 3 # longer than between two looks at a route
goes_on "a flow that a rule keeps on its uplink stays" e4 $ROUTER4
bypass_none "no packet went past the relay"
finish
