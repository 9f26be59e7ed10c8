#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Destinations that the relay refuses: its own listeners, however they are dialled, this host,
# loopback and link-local. Each is reset once, counted and logged, and no loop arises.
. "$(dirname "$0")/../lib/test.sh"

LL4=169.254.169.254
ends() { grep -c 'end=' "$RELAY_LOG"; }

# refused DESCRIPTION NS ADDRESS PORT REASON
refused() {
	local before

	before=$(ends)
	is "$1: TCP is reset" "$("$2" python3 "$LIB/net.py" probe "$3" "$4" 5)" "connected reset"
	ok "$1: the log says why" relay_says "Z tcp .* -> $(escaped "$(bracket "$3")"):$4 .*end=refused reason=$5\$"
	is "$1: it is one flow" "$(ends)" $((before + 1))
	refusals=$((refusals + 1))
}
refused_udp() {
	local before

	before=$(ends)
	"$2" bash -c "echo datagram >/dev/udp/$3/$4"
	ok "$1: the log says why" relay_says "Z udp .* -> $(escaped "$(bracket "$3")"):$4 .*end=refused reason=$5\$"
	is "$1: it is one flow" "$(ends)" $((before + 1))
	refusals=$((refusals + 1))
}

prepare echo
refusals=0
ok "the relay starts" relay_start --workers 3 --log-level debug
for to in 127.0.0.1 ::1; do
	for port in 15002 15006; do
		refused "the listener $to:$port, dialled directly" r $to $port own-listener
	done
	refused_udp "the listener $to:15002, dialled directly" r $to 15002 own-listener
done
# the other workers' listeners
for port in $(r ss -Htnl 'src 127.0.0.1' | awk '{ sub(/.*:/, "", $4); print $4 }' | grep -v '^1500[26]$'); do
	refused "a listener of another worker, port $port" r 127.0.0.1 "$port" own-listener
	others=$((${others:-0} + 1))
done
is "there were two of these" "${others:-0}" 2

# An older rule set may send us what our own programs would not.
r nft -f - <<-NFT
	table inet steer {
		chain pre {
			type filter hook prerouting priority mangle
			iifname r0 ip daddr { $GATE4, $ROUTER4, 10.77.1.255, $LL4 } meta l4proto { tcp, udp } \
				tproxy ip to 127.0.0.1:15002 meta mark set 1 accept
			iifname r0 ip daddr $SERVER4 tcp dport 81 \
				tproxy ip to 127.0.0.1:15002 meta mark set 1 accept
			iifname r0 ip6 daddr $SERVER6 tcp dport 81 \
				tproxy ip6 to [::1]:15002 meta mark set 1 accept
			iifname r0 ip6 daddr { $GATE6, $ROUTER6 } meta l4proto { tcp, udp } th dport { 80, 7007, 15002 } \
				tproxy ip6 to [::1]:15002 meta mark set 1 accept
		}
	}
NFT
r ip rule add fwmark 1 lookup 99
r ip route add local default dev lo table 99
r ip -6 rule add fwmark 1 lookup 99
r ip -6 route add local default dev lo table 99
ip -n "$CLIENT" route add $LL4/32 via $GATE4
for to in $GATE4 $ROUTER4 $GATE6 $ROUTER6; do
	refused "this host, $to" c "$to" 80 router
	refused "our port under $to" c "$to" 15002 own-listener
	refused_udp "this host, $to" c "$to" 7007 router
done
refused "link-local, where clouds keep their secrets" c $LL4 80 link-local
refused_udp "link-local" c $LL4 7007 link-local

# Such packets end at a router, and our own programs leave them to the kernel.
c sysctl -qw net.ipv4.ip_default_ttl=1 net.ipv6.conf.c0.hop_limit=1
refused "what has no hop left" c $SERVER4 81 ttl
refused "what has no hop left, IPv6" c $SERVER6 81 ttl
c sysctl -qw net.ipv4.ip_default_ttl=64 net.ipv6.conf.c0.hop_limit=64

# No host sends IPv4-mapped addresses in IPv6. What they map is not reached that way. A client that
# has such an address never completes a TCP handshake (tcp_v6_conn_request), but a datagram arrives.
mapped() { # DESCRIPTION SOURCE DESTINATION
	local before

	before=$(ends)
	ok "$1: packets are sent" corner frame c0 "$GATE_MAC" "$2" 7007 "$3"
	ok "$1: the log says why" relay_says "Z udp \[$(escaped "$2")\]:40000 -> \[$(escaped "$3")\]:7007 .*end=refused reason=ipv4-mapped\$"
	is "$1: it is one flow" "$(ends)" $((before + 1))
	refusals=$((refusals + 1))
}
GATE_MAC=$(ip -n "$ROUTER" -br link show r0 | awk '{ print $3 }')
r nft add rule inet steer pre iifname r0 ip6 daddr ::ffff:0:0/96 meta l4proto udp tproxy ip6 to '[::1]:15002' meta mark set 1 accept
r nft add rule inet steer pre iifname r0 ip6 saddr ::ffff:0:0/96 meta l4proto udp tproxy ip6 to '[::1]:15002' meta mark set 1 accept
mapped "an IPv4-mapped destination" $CLIENT6 ::ffff:$SERVER4
mapped "an IPv4-mapped client" ::ffff:$CLIENT4 $SERVER6

# a new address is known at once
r ip addr add 10.77.1.77/24 dev r0
r nft add rule inet steer pre iifname r0 ip daddr 10.77.1.77 meta l4proto tcp tproxy ip to 127.0.0.1:15002 meta mark set 1 accept
refused "an address added while running" c 10.77.1.77 80 router

# link_local N — what the loader writes into the pinned configuration
link_local() {
	local value

	read -ra value < <(bpftool -j map dump pinned "$PINS/config" | python3 -c '
import json, sys
value = json.load(sys.stdin)[0]["value"]
value[-3] = sys.argv[1]
print(*value)' "$1")
	bpftool map update pinned "$PINS/config" key 0 0 0 0 value "${value[@]}"
}

ip -n "$SERVER" addr add $LL4/32 dev lo
r ip route add $LL4/32 via $SERVER4
do_ok "attach, with a rule for something else" loader attach r0 --ports 9
refused "link-local, which no rule names" c $LL4 7007 link-local
ok "a rule comes that names it" link_local 1
ok "which the relay learns" relay_says 'link-local by rule$'
like "it is relayed to then" "$(corner talk $LL4 7007 1)" '^1$'
c bash -c "echo datagram >/dev/udp/$LL4/7007"
ok "UDP as well" relay_says "Z udp .* -> $(escaped $LL4):7007 via .* start"
refused "other destinations are refused as before" c $GATE4 80 router
ok "the rule goes" link_local 0
ok "which the relay learns as well" wait_for 10 grep -Ezq 'by rule.*link-local refused' "$RELAY_LOG"
refused "link-local is refused again" c $LL4 7007 link-local
do_ok "detach" loader detach --all
relay_stop
ok "all are counted" relay_says "ended: .*, $refusals refused,"

ok "with --allow-local the relay starts" relay_start --allow-local --workers 1
is "then this host is relayed to" "$(c python3 "$LIB/net.py" probe $GATE4 80 5)" "connected reset"
ok "as far as it serves the port" relay_says "-> $(escaped $GATE4):80 .*end=connect-failed errno=ECONNREFUSED\$"
refused "but not its own listeners" c $GATE4 15002 own-listener
finish
