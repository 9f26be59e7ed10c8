#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# TTL, DSCP and ECN of datagrams are carried in both directions as by a router: the TTL is one
# less, the rest is unchanged. If the TTL ends, the sender gets an error.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/dgram.sh"

prepare nginx
serve_dgram 9000
s nft -f - <<-'NFT'
	table inet told {
		counter expired { }
		chain in {
			type filter hook input priority 0
			icmp type time-exceeded counter name expired
			icmpv6 type time-exceeded counter name expired
		}
	}
NFT
expired() { packets s inet told expired; }
expired_more() { [[ $(expired) -gt $1 ]]; }

there="ttl=40 tos=185" back="back-ttl=33 back-tos=74"

# carried NAME ADDRESS SEEN — quiet, promoted, and in runs
carried() {
	local want="$3 ttl 39 tos 185 size 200, back ttl 32 tos 74 size 300" ends

	# shellcheck disable=SC2086 # words
	{
		is "$1: a datagram to $2" "$(ask "$2" 9000 $there $back size=200 back-size=300)" "$want"
		is "$1: many" "$(ask_promoted "$2" 9000 $there $back size=200 back-size=300 port=6001)" "$want"
		is "$1: in runs of 8" \
			"$(ask_promoted "$2" 9000 $there $back size=200 back-size=300 gso=8 port=6002)" "$want"
		is "$1: another class on the same flow" "$(ask "$2" 9000 port=6001)" \
			"$3 ttl 63 tos 0 size 100, back ttl 63 tos 0 size 100"
		is "$1: the TTL of the flow ends here" "$(ask "$2" 9000 port=6001 ttl=1)" EHOSTUNREACH
		is "$1: of another one" "$(ask "$2" 9000 ttl=1)" EHOSTUNREACH
		is "$1: the next hop is the server" "$(ask "$2" 9000 ttl=2)" \
			"$3 ttl 1 tos 0 size 100, back ttl 63 tos 0 size 100"
		ends=$(expired)
		is "$1: an answer that ends here" "$(ask "$2" 9000 back-ttl=1)" nothing
		ok "$1: is reported to the server" wait_for 10 expired_more "$ends"
	}
}

straight() { carried "without a relay" $SERVER4 $CLIENT4; carried "without a relay" $SERVER6 $CLIENT6; }

straight
for mode in own client-ip client-ip-port; do
	ok "a relay with source $mode starts" relay_start --source $mode
	do_ok "attach" loader attach r0 --ports 80,udp/9000 --to 10.77.2.0/24,fd77:2::/64
	[[ $mode == own ]] || do_ok "attach the servers' side" loader attach r1 --divert-only
	ok "flows go through it" wait_for 10 recorded $SERVER4
	if [[ $mode == own ]]; then
		carried $mode $SERVER4 $ROUTER4
		carried $mode $SERVER6 $ROUTER6
	else
		carried $mode $SERVER4 $CLIENT4
		carried $mode $SERVER6 $CLIENT6
	fi
	relay_stop
	ok "the relay has carried them" relay_says "$(record udp $CLIENT4 $SERVER4 9000)"
	do_ok "detach" loader detach --all
done

ok "a relay that does not carry ECN starts" relay_start --carry-ecn no
do_ok "attach" loader attach r0 --ports 80,udp/9000 --to 10.77.2.0/24,fd77:2::/64
ok "flows go through it" wait_for 10 recorded $SERVER4
# shellcheck disable=SC2086 # words
{
	is "DSCP stays" "$(ask_promoted $SERVER4 9000 $there $back)" \
		"$ROUTER4 ttl 39 tos 184 size 100, back ttl 32 tos 72 size 100"
	is "also of IPv6" "$(ask_promoted $SERVER6 9000 $there $back)" \
		"$ROUTER6 ttl 39 tos 184 size 100, back ttl 32 tos 72 size 100"
}
finish
