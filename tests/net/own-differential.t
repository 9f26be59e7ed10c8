#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The router's own traffic by the classic set-up (a mark in OUTPUT, an ip rule, TPROXY on lo) and by
# tproxy: applications, proxy and server see the same.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

TO="10.77.2.0/24,fd77:2::/64"

classic_up() {
	local family

	for family in -4 -6; do
		r ip "$family" rule add pref 149 fwmark 1/1 lookup 100 || return
		r ip "$family" route add local default dev lo table 100 || return
	done
	r nft -f - <<-NFT
		table inet classic {
			chain output {
				type route hook output priority mangle
				ip daddr 10.77.2.0/24 fib daddr type != local meta l4proto { tcp, udp } th dport $PORT meta mark set 1
				ip6 daddr fd77:2::/64 fib daddr type != local meta l4proto { tcp, udp } th dport $PORT meta mark set 1
			}
			chain prerouting {
				type filter hook prerouting priority mangle
				iif lo meta mark 1 meta l4proto { tcp, udp } tproxy to :$PROXY_PORT
			}
		}
	NFT
}
classic_down() {
	local family

	r nft delete table inet classic
	for family in -4 -6; do
		r ip "$family" rule del pref 149
		r ip "$family" route flush table 100
	done
}
ours_up() { loader attach r0 --local --cgroup "$CGROUP" --proxy "$PROXY_PORT" --ports "$PORT,udp/$PORT" --to "$TO" && own_attach; }
ours_down() { own_detach && loader detach --all; }

# one line for each thing that can be observed
questions() { # FAMILY DST OTHER-DST OWN-ADDRESS OTHER-OWN-ADDRESS
	local dst other extra

	dst=$(at "$2" $PORT) other=$(at "$2" $OTHER) extra=$(at "$3" $PORT)
	echo "TCP: $(sock "tcp$1" "connect=$dst" say peer local say=1000)"
	echo "TCP, closed by the peer: $(sock "tcp$1" "connect=$dst" say=3 recv)"
	echo "TCP, another port: $(sock "tcp$1" "connect=$other" say peer local)"
	echo "TCP, another address: $(sock "tcp$1" "connect=$extra" say)"
	echo "TCP, closed port: $(sock "tcp$1" "connect=$(at "$2" 81)")"
	echo "TCP, from an address: $(sock "tcp$1" "bind=$5" "connect=$dst" say local)"
	echo "TCP, this host: $(sock "tcp$1" "connect=$(at "$4" $PORT)")"
	echo "UDP: $(sock "udp$1" "ask=$dst" "ask=$dst" "ask=$other" "ask=$extra" "ask=$dst")"
	echo "UDP, connected: $(sock "udp$1" "connect=$dst" say say peer local)"
	echo "UDP, connected to another port: $(sock "udp$1" "connect=$other" say local)"
	echo "UDP, connected twice: $(sock "udp$1" "connect=$dst" say "connect=$other" say "connect=$dst" say)"
	echo "UDP, closed port: $(sock "udp$1" "connect=$(at "$2" 81)" say)"
	echo "UDP, from an address: $(sock "udp$1" "bind=$5" "ask=$dst" "connect=$dst" say)"
	echo "UDP, from an address by a message: $(sock "udp$1" "pkt=$5,$dst")"
	echo "UDP, large: $(sock "udp$1" "ask=$dst,1473" "ask=$dst,30000")"
	echo "UDP, no checksum: $(sock "udp$1" nosum "ask=$dst")"
	echo "UDP, many by one call: $(sock "udp$1" "mmsg=$dst,$other,$extra")"
	echo "UDP, GSO: $(sock "udp$1" "gso=$dst,5")"
}
observe() {
	questions 4 $SERVER4 $EXTRA4 $ROUTER4 $GATE4
	questions 6 $SERVER6 $EXTRA6 $ROUTER6 $GATE6
}

prepare
own_cgroups
own_ways
ok "the server starts" own_server
ok "the proxy starts" own_proxy
own_watch
classic_up || skip_inside "the kernel has no tproxy in nft"
own_reset
observe >"$WORK/classic"
classic_flows=$(own_flows)
ok "the classic set-up is removed" classic_down
do_ok "attach" ours_up
own_reset
observe >"$WORK/ours"
same_text "both give the same answers" "$WORK/ours" "$WORK/classic"
is "as many packets reach the server" "$(own_flows)" "$classic_flows"
like "some questions reach the proxy" "$(grep -c "proxy $SERVER4" "$WORK/ours")" '^1[0-9]$'
is "no token is seen on the wire" "$(own_tokens_seen)" 0
do_ok "detach" ours_down
finish
