#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# With a rule for everything, traffic that is not transit is left alone: multicast, broadcast,
# loopback, IPv6 link-local, the addresses of the router, also new ones, and destinations without
# a route. link-local.t covers 169.254.0.0/16 and 240.0.0.0/4, which Linux does forward.
. "$(dirname "$0")/../lib/test.sh"

# what interception would count
taken() { loader status --json | json_value "[o['counters'][n] for n in ('steered', 'down_drop', 'lookup')]"; }

mac() { ip -n "$1" -br link show "$2" | awk '{ print $3 }'; }

untouched() { # NAME SOURCE DESTINATION… — SYN and datagram to each
	local name=$1 from=$2 before
	shift 2

	before=$(taken)
	ok "$name: packets are sent" corner frame c0 "$GATE_MAC" "$from" 7007 "$@"
	is "$name: they are left alone" "$(taken)" "$before"
}

prepare nginx
serve_run tell "$ROUTER" python3 "$LIB/corner.py" tell 7007 router
wait_for 10 listening "$ROUTER" tcp 7007 || fatal "the router's service starts"
ok "the relay starts" relay_start
do_ok "attach to all of TCP" loader attach r0 --to all
do_ok "and much of UDP" loader rule add datagrams --ports udp/53,udp/7007 --to all
ok "transit is relayed" steering $SERVER4 $SERVER6
GATE_MAC=$(mac "$ROUTER" r0)
CLIENT_LL=$(ip -n "$CLIENT" -br -6 addr show c0 | grep -o 'fe80[^/]*')

untouched multicast $CLIENT4 224.0.0.251 239.1.2.3
untouched broadcast $CLIENT4 255.255.255.255 10.77.1.255 10.77.2.255
untouched "loopback and unspecified" $CLIENT4 127.0.0.1 127.1.2.3 0.0.0.0
untouched "the router" $CLIENT4 $GATE4 $ROUTER4
untouched "IPv6 multicast" $CLIENT6 ff02::1 ff02::fb ff05::2
untouched "IPv6 link-local and loopback" $CLIENT6 fe80::1 ::1 ::
untouched "the router over IPv6" $CLIENT6 $GATE6 $ROUTER6
untouched "the router's link-local address" "$CLIENT_LL" \
	"$(ip -n "$ROUTER" -br -6 addr show r0 | grep -o 'fe80[^/]*')"
for GATE_MAC in 01:00:5e:00:00:fb ff:ff:ff:ff:ff:ff 02:00:00:00:00:01; do
	untouched "a frame that was sent to $GATE_MAC" $CLIENT4 $SERVER4
	untouched "a frame that was sent to $GATE_MAC" $CLIENT6 $SERVER6
done

own() { # NAME ADDRESS…
	local name=$1 to
	shift

	for to in "$@"; do
		is "$name: TCP and UDP to $to" "$(corner ask "$to" 7007 tcp,udp)" "router $to 7007"
	done
}

own "the router's address" $GATE4 $ROUTER4 $GATE6 $ROUTER6
r ip addr add 10.77.2.50/24 dev r1
r ip addr add fd77:2::50/64 dev r1 nodad
r ip addr add 10.77.8.1/32 dev lo
r ip addr add fd77:8::1/128 dev lo
own "an address added after attach" 10.77.2.50 fd77:2::50 10.77.8.1 fd77:8::1
r ip route add local 10.77.9.0/24 dev lo
r ip route add local fd77:9::/64 dev lo
own "a local route added after attach" 10.77.9.7 fd77:9::7

r ip addr del 10.77.2.50/24 dev r1
r ip addr del fd77:2::50/64 dev r1

# The kernel grants a client five such errors, then one a second (ip_error), and all lose the others.
fails_soon() { [[ $(corner timed "$1" "$2" "$3") =~ $4 ]]; }

# A connect that is still under way when the error comes notices it at its next try, after a second.
unrouted() { # NAME DESTINATION TCP-ERROR UDP-ERROR
	local before

	before=$(taken)
	ok "$1: TCP to $2 fails soon" wait_for 20 fails_soon "$2" 80 tcp "^$3 1?[0-9]{1,3}$"
	ok "$1: UDP to $2 fails soon" wait_for 20 fails_soon "$2" 53 udp "^$4 [0-9]{1,3}$"
	is "$1: $2 is not intercepted" "$(taken)" "$before"
}

# each refusal counts here
r sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
before=$(counter unrouted)
unrouted "no route" 203.0.113.5 'E(NET|HOST)UNREACH' 'E(NET|HOST)UNREACH'
unrouted "no route" 2001:db8::5 'E(NET|HOST)UNREACH' 'E(NET|HOST)UNREACH'
like "the counter unrouted increases" "$(($(counter unrouted) - before >= 4))" 1
r ip route add unreachable 198.51.100.0/24
r ip route add unreachable 2001:db8:1::/48
r ip route add prohibit 192.0.2.0/24
r ip route add prohibit 2001:db8:2::/48
unrouted "an unreachable route" 198.51.100.5 EHOSTUNREACH EHOSTUNREACH
unrouted "an unreachable route" 2001:db8:1::5 'E(NET|HOST)UNREACH' 'E(NET|HOST)UNREACH'
unrouted "a prohibiting route" 192.0.2.5 '(EHOSTUNREACH|EACCES)' '(EHOSTUNREACH|EACCES)'
unrouted "a prohibiting route" 2001:db8:2::5 EACCES EACCES
r ip route add 203.0.113.0/24 via $SERVER4
# nobody is there, but the router accepts the connection first
before=$(counter steered)
is "with a route it is intercepted" "$(corner ask 203.0.113.5 80 tcp 1)" timeout
is "and counted as such" "$(($(counter steered) - before))" 1
ok "transit is relayed as before" steering $SERVER4 $SERVER6
finish
