#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# With --source client-ip the server sees the address of the client.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/source.sh
. "$TOP/tests/lib/source.sh"

source_prepare client-ip

check() { # CLIENT ADDRESS
	source_seen "$1" "$2"
	like "the UDP echo server sees the client" "$(cpy udp-who "$2" 7007)" "^$1 "
	is "20 MB come whole" "$(c curl -gsS -m 30 "http://$(bracket "$2")/load20" | sha256sum)" "$sum"
}

head -c 20M /dev/urandom >"$WORK/www/load20"
sum=$(sha256sum <"$WORK/www/load20")

check $CLIENT4 $SERVER4
check $CLIENT6 $SERVER6
bypass_none "no packet went past the relay"
finish
