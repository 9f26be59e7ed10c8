#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Datagrams that must not be fragmented are not, on either side: the sender learns the MTU.
# Datagrams that may be fragmented get through.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/dgram.sh"

prepare nginx
serve_dgram 9000
for where in "s s0" "c c0"; do
	read -r side dev <<<"$where"
	$side nft -f - <<-NFT
		table netdev on-$dev {
			counter fragments { }
			chain in {
				type filter hook ingress device $dev priority -500
				ip frag-off & 0x3fff != 0 counter name fragments
				ip6 nexthdr 44 counter name fragments
			}
		}
	NFT
done
fragments() { packets "$1" netdev "on-$2" fragments; } # SIDE DEV

# narrow_server MTU, narrow_client MTU — the link on that side
narrow_server() { r ip link set r1 mtu "$1"; s ip link set s0 mtu "$1"; }
narrow_client() { r ip link set r0 mtu "$1"; c ip link set c0 mtu "$1"; }

# nobody remembers any path
forget() {
	for side in c r s; do
		$side ip route flush cache
		$side ip -6 route flush cache
	done
}

asks() { ask "$@" | sed 's/ ttl [0-9]* tos 0//g'; } # as ask, shorter

server_side() { # MODE ADDRESS SEEN
	local mode=$1 to=$2 seen=$3 before

	forget
	before=$(fragments s s0)
	is "$mode: a datagram of 1400 bytes with DF to $to" "$(asks "$to" 9000 size=1400 df=2)" "EMSGSIZE 1300"
	is "$mode: one that fits" "$(asks "$to" 9000 size=1200 df=2)" "$seen size 1200, back size 100"
	forget
	is "$mode: a busy flow" "$(asks "$to" 9000 count=200 df=2 port=6001)" "$seen size 100, back size 100"
	is "$mode: whose next datagram is too big" "$(asks "$to" 9000 size=1400 df=2 port=6001)" "EMSGSIZE 1300"
	forget
	is "$mode: a run that is too big" "$(asks "$to" 9000 size=1400 df=2 gso=4 port=6002)" "EMSGSIZE 1300"
	is "$mode: no fragment of them came" "$(fragments s s0)" "$before"
	forget
	if [[ $to == *:* ]]; then
		# it learns once, and then makes fragments itself
		asks "$to" 9000 size=1400 >/dev/null
	fi
	is "$mode: what may be fragmented gets there" "$(asks "$to" 9000 size=1400 df=0 count=3)" \
		"$seen size 1400, back size 100"
	ok "$mode: in fragments" [ "$(fragments s s0)" -gt "$before" ]
}

server_knows() { s ip route get "$1" | grep -q 'mtu 1300'; } # ADDRESS

client_side() { # MODE ADDRESS SEEN
	local mode=$1 to=$2 seen=$3 before

	forget
	before=$(fragments c c0)
	is "$mode: an answer of 1400 bytes with DF from $to" \
		"$(asks "$to" 9000 back-size=1400 back-df=2 wait=1)" nothing
	ok "$mode: the server learns the MTU" wait_for 10 server_knows "$seen"
	is "$mode: an answer that fits" "$(asks "$to" 9000 back-size=1200 back-df=2)" \
		"$seen size 100, back size 1200"
	forget
	is "$mode: a busy flow" "$(asks "$to" 9000 count=200 port=6003)" "$seen size 100, back size 100"
	is "$mode: whose next answer is too big" \
		"$(asks "$to" 9000 back-size=1400 back-df=2 port=6003 wait=1)" nothing
	ok "$mode: the server learns it" wait_for 10 server_knows "$seen"
	forget
	asks "$to" 9000 back-size=1400 back-df=2 gso=4 port=6004 wait=1 >/dev/null
	ok "$mode: and from a run" wait_for 10 server_knows "$seen"
	is "$mode: no fragment of them came" "$(fragments c c0)" "$before"
	# the server has learned, or does without DF
	is "$mode: an answer that may be fragmented" "$(asks "$to" 9000 back-size=1400 back-df=0 count=3)" \
		"$seen size 100, back size 1400"
	ok "$mode: comes in fragments" [ "$(fragments c c0)" -gt "$before" ]
}

for mode in own client-ip client-ip-port; do
	ok "a relay with source $mode starts" relay_start --source $mode
	do_ok "attach" loader attach r0 --ports 80,udp/9000 --to 10.77.2.0/24,fd77:2::/64
	[[ $mode == own ]] || do_ok "attach the servers' side" loader attach r1 --divert-only
	ok "flows go through it" wait_for 10 recorded $SERVER4
	seen4=$CLIENT4 seen6=$CLIENT6
	[[ $mode == own ]] && seen4=$ROUTER4 seen6=$ROUTER6
	narrow_server 1300
	server_side $mode $SERVER4 $seen4
	server_side $mode $SERVER6 $seen6
	narrow_server 1500
	narrow_client 1300
	client_side $mode $SERVER4 $seen4
	client_side $mode $SERVER6 $seen6
	narrow_client 1500
	relay_stop
	ok "the relay has carried them" relay_says "$(record udp $CLIENT4 $SERVER4 9000)"
	do_ok "detach" loader detach --all
done

# with the relay's own address nothing shows whether an answer forbids fragments
ok "a relay that knows nothing of the server starts" relay_start
do_ok "attach" loader attach r0 --ports 80,udp/9000 --to 10.77.2.0/24,fd77:2::/64
ok "flows go through it" steering $SERVER4
narrow_client 1300
forget
like "answers without DF get through but for the first, each in a flow of its own" \
	"$(for _ in 1 2 3; do asks $SERVER4 9000 back-size=1400 back-df=0 wait=1; done | tr '\n' ' ')" \
	"^nothing ($ROUTER4 size 100, back size 1400 ){2}$"
forget
before=$(fragments c c0)
is "with DF nothing does" \
	"$(for _ in 1 2; do asks $SERVER4 9000 back-size=1400 back-df=2 wait=1; forget; done | sort -u)" nothing
is "on one flow neither" "$(asks $SERVER4 9000 back-size=1400 back-df=2 wait=1 count=2)" nothing
ok "the server learns the MTU again" wait_for 10 server_knows $ROUTER4
is "no fragment came" "$(fragments c c0)" "$before"
narrow_client 1500
relay_stop

# a narrow link between the router and its client
ok "a relay starts" relay_start
ok "flows go through it" steering $SERVER4
forget
asks $SERVER4 9000 port=6010 >/dev/null
tell_too_big $SERVER4 $CLIENT4 9000 6010 1300
ok "a router on the client's side says what the MTU is: the server learns" wait_for 10 server_knows $ROUTER4
asks $SERVER6 9000 port=6010 >/dev/null
tell_too_big $SERVER6 $CLIENT6 9000 6010 1300
ok "also of IPv6" wait_for 10 server_knows $ROUTER6
finish
