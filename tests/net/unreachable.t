#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A server that cannot be reached: the client is accepted, then reset, and the record says why.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,81 --to 10.77.2.0/24,fd77:2::/64
ok "new flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset

check() { # CLIENT SERVER ABSENT
	is "an absent address $3 is accepted, then reset" "$(cpy probe "$3" 80 20)" "connected reset"
	ok "the record gives EHOSTUNREACH" relay_says \
		"$(record tcp "$1" "$3" 80 '.*end=connect-failed errno=EHOSTUNREACH')"
	is "a closed port of $2 is accepted, then reset" "$(cpy probe "$2" 81)" "connected reset"
	ok "the record gives ECONNREFUSED" relay_says \
		"$(record tcp "$1" "$2" 81 '.*end=connect-failed errno=ECONNREFUSED')"
}

check $CLIENT4 $SERVER4 $ABSENT4
check $CLIENT6 $SERVER6 $ABSENT6
ok "other flows are served as before" steering $SERVER4 $SERVER6
bypass_none "no packet went past the relay"
finish
