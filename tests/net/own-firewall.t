#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Own traffic on a host with a stateful firewall that accepts lo and answers, and with NAT for what
# leaves: the conntrack of a token is no obstacle, and each flow is tracked once.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

prepare
r nft -f - <<-'NFT' || skip_inside "the kernel has no conntrack"
	table inet firewall {
		counter dropped { }
		chain in {
			type filter hook input priority 0; policy drop
			iifname lo accept
			ct state established,related accept
			meta l4proto ipv6-icmp accept
			counter name dropped
		}
		chain out {
			type filter hook output priority 0; policy drop
			ct state established,related,new accept
			meta l4proto ipv6-icmp accept
			counter name dropped
		}
		chain post {
			type nat hook postrouting priority 100
			oifname r1 masquerade
		}
	}
NFT
own_up --ports $PORT,udp/$PORT --to 10.77.2.0/24,fd77:2::/64
own_reset

for family in 4 6; do
	dst=$SERVER4
	[[ $family == 4 ]] || dst=$SERVER6
	is "TCP $family" "$(sock tcp$family "connect=$(at $dst $PORT)" say)" "$(through $dst $PORT)"
	is "UDP $family" "$(sock udp$family "ask=$(at $dst $PORT)" "connect=$(at $dst $PORT)" say)" \
		"$(through $dst $PORT) $(through $dst $PORT)"
	is "UDP $family, large" "$(sock udp$family "ask=$(at $dst $PORT),40000")" \
		"$(through $dst $PORT "$(source_for $dst)" 40000)"
	none_direct "none of it reaches the server"
	is "TCP $family, direct" "$(sock tcp$family "connect=$(at $dst $OTHER)" say)" \
		"$(around "$(source_for $dst)")"
	is "UDP $family, direct" "$(sock udp$family "ask=$(at $dst $OTHER)")" "$(around "$(source_for $dst)")"
	is "UDP $family, direct from a marked socket" \
		"$(sock udp$family "connect=$(at $dst $PORT)" unconnect "ask=$(at $dst $OTHER)")" \
		"$(around "$(source_for $dst)")"
	own_reset
done

# --- with the check of sources ---
for mode in 1 2; do
	r sysctl -qw net.ipv4.conf.{all,lo,r0,r1}.rp_filter=$mode
	is "rp_filter=$mode: TCP" "$(sock tcp4 "connect=$SERVER4:$PORT" say)" "$(through $SERVER4 $PORT)"
	is "rp_filter=$mode: UDP" "$(sock udp4 "ask=$SERVER4:$PORT" "connect=$SERVER4:$PORT" say)" \
		"$(through $SERVER4 $PORT) $(through $SERVER4 $PORT)"
	is "rp_filter=$mode: from another address" "$(sock udp4 "bind=$GATE4" "ask=$SERVER4:$PORT")" \
		"$(through $SERVER4 $PORT $GATE4)"
	is "rp_filter=$mode: direct from a marked socket" \
		"$(sock udp4 "connect=$SERVER4:$PORT" unconnect "ask=$SERVER4:$OTHER")" "$(around)"
done

# --- conntrack has few entries, however many datagrams there are ---
tracked() { r sysctl -n net.netfilter.nf_conntrack_count; }
# entries NAME STEP — how many more there are afterwards
entries() {
	local before

	before=$(tracked)
	sock "$@" >&2
	echo $(($(tracked) - before))
}
dsts=$SERVER4:$PORT,10.77.2.21:$PORT,10.77.2.22:$PORT,10.77.2.23:$PORT
at_most "10 000 queries from one socket to four servers" "$(entries udp4 "queries=10000,$dsts")" 8
at_most "10 000 queries of a connected socket" "$(entries udp4 "connect=$SERVER4:$PORT" "queries=10000,$SERVER4:$PORT")" 4
at_most "500 queries from as many sockets" "$(entries udp4 "sockets=500,$dsts")" 1008

is "the firewall drops nothing" "$(packets r inet firewall dropped)" 0
own_down
finish
