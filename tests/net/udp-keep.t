#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# detach --keep-flows leaves relayed UDP flows to the relay, also slow ones, because their servers
# know its address. New flows go straight. Flows that the relay cannot keep are in its log.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/talk.sh"
. "$(dirname "$0")/../lib/udp.sh"

relay_asks() { [[ $(r ss -Hnu state established "dst $1:$2" | wc -l) -ge $3 ]]; } # ADDRESS PORT NUMBER
no_rule() { [[ $(r ip rule show) != *15001* ]]; }

prepare
serve_greet 7001 7002 7004
serve_peer echo 7003
snapshot >"$WORK/before"
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports udp/7001-7004
both slow 7001
ok "a flow that is quiet runs" talk_start quiet4 $SERVER4 7002 3600
ok "one of IPv6, too" talk_start quiet6 $SERVER6 7002 3600
is "all are relayed" "$(whom slow4) $(whom slow6) $(whom quiet4) $(whom quiet6)" \
	"$ROUTER4 $ROUTER6 $ROUTER4 $ROUTER6"
is "none has a socket of its own" "$(direct_sockets $SERVER4 7001) $(direct_sockets $SERVER6 7002)" "0 0"
flow_start many $SERVER4 7003 count=100000 flows=100 window=100 pause=20
ok "a hundred flows to one server run" wait_for 20 relay_asks $SERVER4 7003 100

do_ok "detach r0 --keep-flows" loader detach r0 --keep-flows
is "a new flow goes straight" "$(cpy udp-who $SERVER4 7004)" "$CLIENT4 same-port"
is "one of IPv6, too" "$(cpy udp-who $SERVER6 7004)" "$CLIENT6 same-port"
goes_on "a slow flow" slow4 $ROUTER4
goes_on "a slow IPv6 flow" slow6 $ROUTER6
for to in 4 6; do
	wake quiet$to
	ok "the quiet one continues" wait_for 10 answered quiet$to 2
done
is "their server saw" "$(whom quiet4) $(whom quiet6)" "$ROUTER4 $ROUTER6"
ok "the relay says how many of the hundred it cannot keep" \
	relay_says 'interface is being detached: [0-9]+ UDP flows got no socket of their own'

relay_stop KILL
ok "once the relay has none of them, the interface is detached" wait_for 20 no_rule
do_ok "detach --all" loader detach --all
unchanged "nothing is left" "$WORK/before"
finish
