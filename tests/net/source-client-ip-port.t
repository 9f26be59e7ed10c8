#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# With --source client-ip-port the server sees the address and the port of the client.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/source.sh
. "$TOP/tests/lib/source.sh"

source_prepare client-ip-port

check() { # CLIENT ADDRESS FIRST-PORT
	local i

	source_seen "$1" "$2"
	is "the UDP echo server sees the client's port" "$(cpy udp-who "$2" 7007)" "$1 same-port"
	for i in 1 2 3; do
		is "nginx sees the client's port, $i" "$(whoami_from "$2" $(($3 + i)))" "$1 $(($3 + i))"
	done
}

whoami_from() { # ADDRESS PORT
	c curl -gsS -m 8 --local-port "$2" "http://$(bracket "$1")/whoami"
}

check $CLIENT4 $SERVER4 41000
check $CLIENT6 $SERVER6 42000
bypass_none "no packet went past the relay"
finish
