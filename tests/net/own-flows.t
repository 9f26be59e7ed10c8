#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Connections and datagrams that the router itself begins go to the proxy, with their destination, from
# the first packet on. What no rule concerns goes to the server.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

prepare
own_up --ports $PORT,udp/$PORT --to 10.77.2.0/24,fd77:2::/64
own_reset

check() { # FAMILY DST OTHER-DST
	local dst

	dst=$(at "$2" $PORT)
	is "TCP to $2" "$(sock "tcp$1" "connect=$dst" say peer)" "$(through "$2" $PORT) $2 $PORT"
	is "UDP, connected" "$(sock "udp$1" "connect=$dst" say say peer)" \
		"$(through "$2" $PORT) $(through "$2" $PORT) $2 $PORT"
	is "UDP, the first datagram of an unconnected socket" "$(sock "udp$1" "ask=$dst")" \
		"$(through "$2" $PORT)"
	none_direct "none of it reaches the server"
	is "TCP to another port" "$(sock "tcp$1" "connect=$(at "$2" $OTHER)" say)" \
		"$(around "$(source_for "$2")")"
	is "UDP to another port, connected" "$(sock "udp$1" "connect=$(at "$2" $OTHER)" say)" \
		"$(around "$(source_for "$2")")"
	is "UDP to another port" "$(sock "udp$1" "ask=$(at "$2" $OTHER)")" \
		"$(around "$(source_for "$2")")"
	is "TCP to another address" "$(sock "tcp$1" "connect=$(at "$3" $PORT)" say)" \
		"$(around "$(source_for "$2")")"
	is "UDP to another address" "$(sock "udp$1" "ask=$(at "$3" $PORT)")" \
		"$(around "$(source_for "$2")")"
	own_reset
}

check 4 $SERVER4 $EXTRA4
check 6 $SERVER6 $EXTRA6
own_down
finish
