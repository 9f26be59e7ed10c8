#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# rule, cidr and port edit the live policy at once, and no edit ends a running flow.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx dns
ok "the relay starts" relay_start
do_ok "attach with one prefix and one port" loader attach r0 --ports 80 --to 10.77.2.0/24,fd77:2::/64
ok "flows go through the relay" steering $SERVER4 $SERVER6
cpy get $SERVER4 80 /load "$WORK/progress" >"$WORK/sum" 2>&1 &
transfer=$!
ok "a relayed transfer runs" wait_for 10 test -s "$WORK/progress"

do_ok "cidr add, both families" loader cidr add 10.77.3.0/24 fd77:3::/64
is "takes effect" "$(seen $EXTRA4) $(seen $EXTRA6)" "relay relay"
do_ok "cidr add of what exists" loader cidr add 10.77.3.0/24
do_ok "cidr del" loader cidr del 10.77.3.0/24 fd77:3::/64
is "takes effect" "$(seen $EXTRA4) $(seen $EXTRA6)" "direct direct"
do_ok "cidr add of one address" loader cidr add 10.77.3.2
is "takes effect" "$(seen $EXTRA4)" relay
do_ok "cidr del of that address" loader cidr del 10.77.3.2/32
is "takes effect" "$(seen $EXTRA4)" direct

do_ok "port add" loader port add tcp/8080
is "takes effect" "$(seen $SERVER4 8080) $(seen $SERVER6 8080)" "relay relay"
do_ok "port add of what exists" loader port add tcp/8080
do_ok "port del" loader port del tcp/8080
is "takes effect" "$(seen $SERVER4 8080) $(seen $SERVER6 8080)" "direct direct"
do_ok "port add for UDP" loader port add udp/53
bypass_reset
is "UDP is answered" "$(dig_at $SERVER4 test.tproxy A)" 10.77.2.200
is "by way of the relay" "$(bypassed udp)" 0

do_ok "rule add" loader rule add second --ports 8080 --to 10.77.3.0/24
is "takes effect for its flows only" "$(seen $EXTRA4 8080) $(seen $EXTRA4) $(seen $SERVER4 8080)" \
	"relay direct direct"
do_ok "rule list" loader rule list
like "names both rules" "$OUT" 'default.*second'
do_ok "cidr add to a named rule" loader cidr add --rule second fd77:3::/64
is "takes effect" "$(seen $EXTRA6 8080) $(seen $EXTRA6)" "relay direct"
do_ok "port add to a named rule" loader port add --rule second tcp/80
is "takes effect" "$(seen $EXTRA6 8080) $(seen $EXTRA6)" "relay relay"
do_ok "rule del" loader rule del second
is "takes effect" "$(seen $EXTRA4 8080) $(seen $EXTRA6)" "direct direct"
is "the first rule is as it was" "$(seen $SERVER4) $(seen $SERVER6)" "relay relay"
refuses "deleting a rule that does not exist" 1 nosuch loader rule del nosuch
refuses "a prefix for a rule that does not exist" 1 nosuch loader cidr add --rule nosuch 10.0.0.0/8

do_ok "the last prefix of the running transfer is deleted" loader cidr del 10.77.2.0/24
is "new flows are direct" "$(seen $SERVER4)" direct
wait $transfer
is "the transfer is whole" "$(cut -d' ' -f1 "$WORK/sum")" "$(sum_of "$WORK/www/load")"
finish
