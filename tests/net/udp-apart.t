#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Flows that share an address or a port stay separate, all at the same time, also beside a daemon
# of the router that has the port on all addresses and does not share it.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/udp.sh"

COUNT=20000
OTHER4=10.77.1.3 OTHER6=fd77:1::3

prepare nginx
ip -n "$CLIENT" addr add $OTHER4/24 dev c0
ip -n "$CLIENT" addr add $OTHER6/64 dev c0 nodad
serve_peer echo 53
serve_peer echo 7007
serve_peer bound 53 "$ROUTER"
local_daemon=${SERVE_PIDS[-1]}
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,udp/53,udp/7007 \
	--to 10.77.2.0/24,10.77.3.0/24,fd77:2::/64,fd77:3::/64
ok "new flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset

begin() { # FAMILY CLIENT OTHER SERVER EXTRA GATE
	local f=$1
	local pace="count=$COUNT window=32 size=100"

	# shellcheck disable=SC2086 # words
	{
		flow_start "$f-first" "$4" 53 $pace from="$2" port=6001
		flow_start "$f-other-client" "$4" 53 $pace from="$3" port=6001
		flow_start "$f-other-server" "$5" 53 $pace from="$2" port=6001
		flow_start "$f-other-port" "$4" 7007 $pace from="$2" port=6001
		flow_start "$f-both-other" "$5" 7007 $pace from="$3" port=6001
		flow_start "$f-long-runs" "$5" 7007 count=$((COUNT * 5)) size=1000 window=96 gso=16 \
			from="$3" port=6002
	}
	flow_start "$f-to-the-router" "$6" 53 count=500 window=50 idle=300 from="$2" port=6001
}

begin v4 $CLIENT4 $OTHER4 $SERVER4 $EXTRA4 $GATE4
begin v6 $CLIENT6 $OTHER6 $SERVER6 $EXTRA6 $GATE6
for family in v4 v6; do
	for name in first other-client other-server other-port both-other; do
		lossless "$family: $name" $COUNT "$(flow_end $family-$name)"
	done
	lossless "$family: long runs" $((COUNT * 5)) "$(flow_end $family-long-runs)"
	like "$family: the router's own daemon never answers" "$(flow_end $family-to-the-router)" \
		"^sent 500 received 0 lost 500 wrong 0 "
done
stop "$local_daemon"
is "the daemon got the datagrams for the router, and no others" "$(<"$WORK/log/peer-53")" 1000
bypass_none "no packet went past the relay"
relay_stop
like "the relay lost no datagram" "$(relay_ended .)" " 0 datagrams lost"
finish
