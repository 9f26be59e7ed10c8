#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A TCP connection whose source address is gone is reset within seconds; it would hang for a quarter
# of an hour. One whose address comes back, stays, or is its client's lives on.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/talk.sh"
. "$(dirname "$0")/../lib/path.sh"

attach_all() {
	do_ok "attach" loader attach r0 --ports 7007 --to 10.77.2.0/23,fd77:2::/64,fd77:3::/64
}

prepare echo
ok "there is a second uplink" uplink_second
ok "the relay starts" relay_start --workers 2
attach_all

# --- the address is gone for a second ---
ok "a connection runs" line a4 $SERVER4
ok "one of IPv6, too" line a6 $SERVER6
addresses_remove $ROUTER4 $ROUTER6
sleep 1
addresses_add $ROUTER4 $ROUTER6
line_lives "it lives on after a moment without its address" a4
line_lives "so does that of IPv6" a6

# --- the route moves, the address stays ---
uplink_use 1 # the route went with the address
ok "a connection to a further address runs" line b4 $EXTRA4
ok "one of IPv6, too" line b6 $EXTRA6
uplink_use 2
sleep 4 # longer than the patience with a missing address
line_lives "it continues over another uplink" b4
line_lives "so does that of IPv6" b6

# --- the address is replaced ---
ok "a quiet connection runs" line q4 $SERVER4 quiet
addresses_remove $ROUTER4 $ROUTER6
addresses_add $MOVED4 $MOVED6
for name in a4 a6 q4 b4 b6; do
	ok "$name ends" wait_for 10 line_over $name
	is "by a reset" "$(line_end $name)" reset
done
flow_ended $CLIENT4 $SERVER4 path-lost
flow_ended $CLIENT6 $SERVER6 path-lost
ok "the log says how many" relay_says 'path: [0-9]+ TCP connections were reset'
ok "a new connection runs" line c4 $SERVER4
ok "one of IPv6, too" line c6 $SERVER6
relay_stop KILL

# --- with the client's address the address of the router does not matter ---
ok "a relay with the client's address starts" relay_start --source client-ip
do_ok "attach the servers' side" loader attach r1 --divert-only
ok "a connection runs" line d4 $SERVER4
ok "one of IPv6, too" line d6 $SERVER6
addresses_remove $MOVED4 $MOVED6
sleep 4
addresses_add $ROUTER4 $ROUTER6
line_lives "it lives on" d4
line_lives "so does that of IPv6" d6
is "no connection was reset" "$(grep -c 'path-lost' "$RELAY_LOG")" 0
bypass_none "no packet went past the relay"
finish
