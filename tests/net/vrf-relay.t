#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A relay that is bound to a member of a VRF carries its flows, with its own address and with
# those of clients. A relay bound to nothing or to another member gets none of them, and they
# fail.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/vrf.sh"
. "$(dirname "$0")/../lib/bound.sh"

prepare nginx dns echo
vrf_make blue
master r0 blue
master r1 blue
for to in $SERVER4 $SERVER6; do
	ok "the VRF forwards to $to" wait_for 10 direct "$to"
done
unlike "which is counted" "$(past)" '^0?$'
relay_fails "a relay bound to the VRF itself" \
	'^tproxy-relay: --device blue: flows do not come in by a VRF itself' --device blue
relay_fails "full cone with the client's address" 'udp-full-cone goes with source = own' \
	--device r0 --udp-full-cone --source client-ip
do_ok "attach the client's side" loader attach r0 --ports 80,udp/9,udp/53,udp/7007 \
	--to 10.77.2.0/24,fd77:2::/64 --proxy 15002
like "it says which relay takes its flows" "$ERR" 'VRF blue.*tproxy-relay --device r0'
do_ok "attach the servers' side" loader attach r1 --divert-only
past_reset

ok "a relay bound to the member starts" relay_start --device r0
ok "says which VRF it serves" relay_says 'bound to r0, in VRF blue: '
ok "IPv4 flows go through it" wait_for 10 recorded $SERVER4
ok "IPv6 flows go through it" wait_for 10 recorded $SERVER6
relayed own $CLIENT4 $SERVER4 $ROUTER4
relayed own $CLIENT6 $SERVER6 $ROUTER6
like "no host is at $ABSENT4" "$(cpy udp-error $ABSENT4 9)" "^EHOSTUNREACH 10.77.[12].1$"
like "no host is at $ABSENT6" "$(cpy udp-error $ABSENT6 9)" "^EHOSTUNREACH fd77:[12]::1$"

first=$RELAY_PID
ok "one with the clients' addresses starts" relay_start --device r0 --source client-ip
ok "by taking the listeners over" relay_says 'taking the listeners over'
kill -TERM "$first"
ok "the previous one ends" wait_for 20 process_gone "$first"
relayed client-ip $CLIENT4 $SERVER4 $CLIENT4
relayed client-ip $CLIENT6 $SERVER6 $CLIENT6
relay_stop
ok "one with their ports starts" relay_start --device r0 --source client-ip-port
for to in $SERVER4 $SERVER6; do
	like "the UDP echo server at $to sees the port" "$(cpy udp-who "$to" 7007)" ' same-port$'
done
relay_stop
ok "one with a full cone starts" relay_start --device r0 --udp-full-cone
for to in $SERVER4 $SERVER6; do
	like "the UDP echo server at $to answers it" "$(cpy udp-who "$to" 7007)" ' other-port$'
done
relay_stop

# the program passes them over: whatever they took would be answered, or go on, outside the VRF
for device in '' r1; do
	ok "a relay bound to ${device:-nothing} starts" relay_start ${device:+--device $device}
	before=$(counter down_drop)
	for to in $SERVER4 $SERVER6; do
		is "it gets no TCP flow to $to" "$(cpy probe "$to" 80 1)" timeout
		is "nor UDP" "$(cpy udp "$to" 7007 100)" 0
	done
	like "each is counted" "$(($(counter down_drop) - before >= 4))" 1
	ok "it has seen none" relay_silent ' (tcp|udp) '
	relay_stop
done
ok "a relay in the socket map starts" relay_start
do_ok "a rule for it" loader attach r0 --ports 80,udp/7007 --proxy relay
for to in $SERVER4 $SERVER6; do
	is "it gets no TCP flow to $to" "$(cpy probe "$to" 80 1)" timeout
	is "nor UDP" "$(cpy udp "$to" 7007 100)" 0
done
ok "it has seen none" relay_silent ' (tcp|udp) '
is "no packet bypassed the relays" "$(past)" 0
finish
