#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A flow table at the ingress of both interfaces. Flows that it has already continue after attach;
# new flows are intercepted, also from a port that was used before.
. "$(dirname "$0")/../lib/test.sh"

# from_port ADDRESS — whom the echo server sees of a datagram, and of a connection, from port 5555
from_port() {
	echo -n who | c socat -T 3 - "UDP:$(bracket "$1"):7007,sourceport=5555,reuseaddr" 2>/dev/null
}
offloaded() { [[ $(r grep -c OFFLOAD /proc/net/nf_conntrack) -ge $1 ]]; }

hold() { # ADDRESS — a flow that waits for $WORK/go
	c python3 "$LIB/net.py" hold "$1" 7007 "$WORK/go" >"$WORK/hold$1" 2>&1 &
	disown $!
	wait_for 10 grep -q up "$WORK/hold$1"
}

prepare nginx echo
r nft -f - <<-'NFT' 2>"$WORK/flowtable" || skip_inside "the kernel has no flow tables: $(head -n 1 "$WORK/flowtable")"
	table inet fast {
		flowtable f { hook ingress priority 0; devices = { r0, r1 }; }
		chain forward {
			type filter hook forward priority 10
			meta l4proto { tcp, udp } flow add @f
		}
	}
NFT
ok "the relay starts" relay_start
for to in $SERVER4 $SERVER6; do
	ok "a flow to $to is there before" hold "$to"
	like "a datagram to $to goes straight" "$(from_port "$to")" " 5555$"
	like "and again" "$(from_port "$to")" " 5555$"
done
if r test -r /proc/net/nf_conntrack; then
	ok "the flow table has taken them over" wait_for 10 offloaded 4
fi
do_ok "attach" loader attach r0 --ports 80,7007,udp/7007
ok "new flows are intercepted" steering $SERVER4 $SERVER6
is "datagrams too" "$(cpy udp-who $SERVER4 7007) $(cpy udp-who $SERVER6 7007)" \
	"$ROUTER4 other-port $ROUTER6 other-port"
for to in $SERVER4 $SERVER6; do
	# the hook of the flow table comes after ours and may take it all the same
	like "a datagram to $to of a flow that began before is answered" "$(from_port "$to")" '^[0-9a-f.:]+ [0-9]+$'
done
touch "$WORK/go"
for to in $SERVER4 $SERVER6; do
	ok "the flow to $to that began before continues" wait_for 20 grep -q 'done' "$WORK/hold$to"
done
do_ok "detach" loader detach --all
ok "flows go straight" direct $SERVER4
ok "IPv6 flows go straight" direct $SERVER6
finish
