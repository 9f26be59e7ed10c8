#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# ICMP errors about a relayed flow are addressed to the server that the client sees. They reach
# the sockets of the relay instead, and no other ICMP error does.
. "$(dirname "$0")/../lib/test.sh"

forwarded() { packets r inet errors forwarded; }

path_mtu_is() { # ADDRESS PORT MTU — of the relay's socket towards the client
	r ss -Htin state established src "$(bracket "$1"):7007" dport = ":$2" | grep -q "pmtu:$3 "
}

narrow_path() { # ADDRESS
	local go=$WORK/go-$1 log=$WORK/log/pmtu-$1 before port

	before=$(counter icmp_owned)
	serve_run "pmtu-$1" "$CLIENT" python3 "$LIB/corner.py" pmtu "$1" 7007 1300 "$go"
	ok "the path to $1 is reported as narrow" wait_for 10 grep -q sent "$log"
	port=$(sed -n 's/^sent //p' "$log")
	ok "the relay's socket has the smaller path MTU" wait_for 5 path_mtu_is "$1" "$port" 1300
	is "one error was kept for the socket that owns the flow" \
		"$(($(counter icmp_owned) - before))" 1
	touch "$go"
	ok "the connection continues, byte-exact" wait_for 20 grep -q alive "$log"
}

counted_since() { [[ $(counter icmp_owned) -gt $1 ]]; }

prepare nginx echo
# one error a second for each peer would do for a host, not for a test
c sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
r nft -f - <<'NFT'
table inet errors {
	counter forwarded { }
	chain forward {
		type filter hook forward priority 0
		iifname r0 icmp type { 3, 11, 12 } counter name forwarded
		iifname r0 icmpv6 type { 1, 2, 3, 4 } counter name forwarded
	}
}
NFT
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,7007,udp/7007 --to 10.77.2.0/24,fd77:2::/64
ok "new flows go through the relay" steering $SERVER4 $SERVER6

for to in $SERVER4 $SERVER6; do
	narrow_path "$to"
	before=$(counter icmp_owned)
	ok "a datagram to $to whose sender does not wait" corner farewell "$to" 7007
	ok "its port unreachable is the relay's" wait_for 5 counted_since "$before"
done
is "no error about a relayed flow was forwarded" "$(forwarded)" 0

before=$(counter icmp_owned)
for to in $SERVER4 $SERVER6; do
	ok "an error about an unknown flow, to $to" corner stray "$to" 7007
done
all_forwarded() { [[ $(forwarded) -eq 2 ]]; }
ok "is forwarded" wait_for 5 all_forwarded
is "and not counted" "$(counter icmp_owned)" "$before"
finish
