#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# With an upstream, UDP goes through the associations of a SOCKS 5 server.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/udp.sh"

associations() { grep -c '^association$' "$WORK/log/socks"; }
all_ended() { [[ $(grep -c '^association ended$' "$WORK/log/socks") -eq $(associations) ]]; }

prepare nginx
serve_peer echo 7007
serve_run echo53 "$SERVER" python3 "$LIB/net.py" echo 53
wait_for 10 listening "$SERVER" udp 53 || fatal "the second echo server starts"
serve_run socks "$SERVER" python3 "$LIB/socks5.py" 1080
wait_for 10 listening "$SERVER" tcp 1080 || fatal "the SOCKS server starts"
ok "the relay starts" relay_start --upstream socks5://$SERVER4:1080
do_ok "attach" loader attach r0 --ports 80,udp/53,udp/7007 --to 10.77.2.0/24,10.77.3.0/24,fd77:2::/64
ok "the relay is registered" relay_says 'registered in'
bypass_reset

for to in $SERVER4 $EXTRA4 $SERVER6; do
	for size in 0 1 1472 9000 60000; do
		is "$size bytes to $to and back" "$(cpy udp "$to" 53 $size 3)" 3
	done
	lossless "a flow to $to" 5000 "$(flow "$to" 7007 count=5000 size=500 window=8)"
	lossless "in runs" 5000 "$(flow "$to" 7007 count=5000 size=500 window=16 gso=8)"
done
like "the server at $SERVER4 sees the SOCKS server" "$(cpy udp-who $EXTRA4 53)" "^10.77.[23].2 "
is "each flow had an association" "$(associations)" 22
bypass_none "no packet went past the relay"
relay_stop
ok "associations end with their flows" wait_for 10 all_ended
like "the relay lost no datagram" "$(relay_ended .)" " 0 datagrams lost"

serve_run refusing "$SERVER" python3 "$LIB/socks5.py" 1081 refuse
wait_for 10 listening "$SERVER" tcp 1081 || fatal "the refusing SOCKS server starts"
ok "a relay whose server refuses starts" relay_start --upstream socks5://$SERVER4:1081
is "a flow gets no answer" "$(cpy udp $SERVER4 53 100)" 0
ok "the record says why" relay_says "$(record udp $CLIENT4 $SERVER4 53 '.* end=connect-failed errno=EACCES')"
relay_stop
ok "a relay without its server starts" relay_start --upstream socks5://$SERVER4:1082
is "a flow gets no answer" "$(cpy udp $SERVER4 53 100)" 0
ok "the record says why" relay_says "$(record udp $CLIENT4 $SERVER4 53 '.* end=connect-failed errno=ECONNREFUSED')"
finish
