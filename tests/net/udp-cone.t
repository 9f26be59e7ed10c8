#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# By default only the destination can answer. With udp-full-cone the port of a client is open to
# all hosts, and the same towards all destinations.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/udp.sh"

prepare nginx
serve_run cone4 "$SERVER" python3 "$LIB/net.py" udp-two 7007 $SERVER4 $EXTRA4
serve_run cone6 "$SERVER" python3 "$LIB/net.py" udp-two 7007 $SERVER6 $EXTRA6
serve_peer echo 443
wait_for 10 listening "$SERVER" udp 7007 || fatal "the servers start"
do_ok "attach" loader attach r0 --ports 80,udp/443,udp/7007-7008 \
	--to 10.77.2.0/24,10.77.3.0/24,fd77:2::/64,fd77:3::/64

check() { # DESCRIPTION WANTED4 WANTED6
	ok "new flows go through the relay" wait_for 10 recorded $SERVER4
	bypass_reset
	is "$1: IPv4" "$(cpy udp-cone $SERVER4 $EXTRA4 7007)" "$2"
	is "$1: IPv6" "$(cpy udp-cone $SERVER6 $EXTRA6 7007)" "$3"
	bypass_none "no packet went past the relay"
}

ok "the relay starts" relay_start
check "each flow by itself" "$SERVER4:7007 $EXTRA4:7007 other-port" \
	"$SERVER6:7007 $EXTRA6:7007 other-port"
relay_stop

everybody4="$SERVER4:7007 $SERVER4:7008 $EXTRA4:7007 $EXTRA4:7008"
everybody6="$SERVER6:7007 $SERVER6:7008 $EXTRA6:7007 $EXTRA6:7008"
for mode in own client-ip client-ip-port; do
	ok "a relay with a full cone, source $mode, starts" relay_start --udp-full-cone --source $mode
	[[ $mode == own ]] || do_ok "attach the servers' side" loader attach r1 --divert-only
	check "full cone, $mode" "$everybody4 same-port" "$everybody6 same-port"
	for to in $SERVER4 $SERVER6; do
		lossless "runs to $to" 50000 "$(flow "$to" 443 count=50000 size=1200 window=64 gso=16)"
	done
	relay_stop
done
finish
