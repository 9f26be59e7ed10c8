#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Connections end as intended: half-close, reset by either side; and the record says which.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
serve_run late "$SERVER" python3 "$LIB/net.py" late 7007
wait_for 10 listening "$SERVER" tcp 7007 || fatal "the server starts"
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,7007
ok "flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset

check() { # CLIENT ADDRESS
	is "the answer comes after the client's end of data" \
		"$(cpy half-close "$2" 7007)" "1000000 bytes then end"
	ok "its record ends with a FIN" relay_says "$(record tcp "$1" "$2" 7007 '.*up=1000000 down=22 .*end=(client|server)-fin')"
	is "the server's reset reaches the client as a reset" "$(cpy abort "$2" 7007 server)" reset
	ok "its record has that end" relay_says "$(record tcp "$1" "$2" 7007 '.*end=server-rst')"
	is "the client resets" "$(cpy abort "$2" 7007 client)" aborted
	ok "its record has that end" relay_says "$(record tcp "$1" "$2" 7007 '.*end=client-rst')"
	ok "the server met a reset, not an end" wait_for 10 grep -q 'read 4 Connection reset' "$WORK/log/late"
}

check $CLIENT4 $SERVER4
check $CLIENT6 $SERVER6
bypass_none "no packet went past the relay"
finish
