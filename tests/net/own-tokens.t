#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Tokens: one for each destination, kept while it is used; many threads on one socket; a full table is
# treated like a proxy that is down.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

prepare
own_up --ports udp/1-65535 --to 10.77.2.0/24,fd77:2::/64,10.80.0.0/16
own_reset

is "at first no token is in use" "$(own tokens)" 0
for i in 1 2 3; do
	is "a destination, time $i" "$(sock udp4 "ask=$SERVER4:$PORT" "ask=$SERVER4:$OTHER")" \
		"$(through $SERVER4 $PORT) $(through $SERVER4 $OTHER)"
done
is "one address has one token, for all its ports" "$(own tokens)" 1
sock udp6 "ask=[$SERVER6]:$PORT" "ask=[$ABSENT6]:$PORT" >/dev/null
is "each address has one" "$(own tokens)" 3

# datagrams of threads that share a socket reach the destination that each of them named
: >"$WORK/log/own-proxy"
is "three threads, one socket, three destinations" \
	"$(sock udp4 "threads=3,10.77.2.11:9,10.77.2.12:9,10.77.2.13:9")" 0
got() { [[ $(grep -c "^datagram 9 proxy $1 9 $ROUTER4 2" "$WORK/log/own-proxy") -eq 200 ]]; }
for i in 11 12 13; do
	ok "all datagrams to 10.77.2.$i have arrived" wait_for 10 got 10.77.2.$i
done
is "and no other datagram" "$(grep -c ^datagram "$WORK/log/own-proxy")" 600
is "with three more tokens" "$(own tokens)" 6

is "4000 destinations" "$(sock udp4 "many=4000,10.80.0.1:9")" 0
is "have as many tokens" "$(own tokens)" 4006

# --- no token is free ---
own tokens fill >/dev/null
own_reset
is "IPv4: a full table" "$(sock udp4 "ask=$EXTRA4:$PORT" "ask=10.77.2.77:$PORT")" "$(around) ECONNREFUSED"
is "IPv6: a full table" "$(sock udp6 "ask=[fd77:2::77]:$PORT")" ECONNREFUSED
is "connected sockets need none" "$(sock udp4 "connect=$SERVER4:$PORT" say)" "$(through $SERVER4 $PORT)"
do_ok "on-proxy-down = pass" own_rule "ports = udp/1-65535" "to = 10.77.2.0/24 fd77:2::/64" \
	"proxy = $PROXY_PORT" "on-proxy-down = pass"
is "IPv4: a full table passes" "$(sock udp4 "ask=$SERVER4:$PORT")" "$(around)"
is "IPv6: a full table passes" "$(sock udp6 "ask=[$SERVER6]:$PORT")" "$(around $ROUTER6)"
is "no token is seen on the wire" "$(own_tokens_seen)" 0
own_down
finish
