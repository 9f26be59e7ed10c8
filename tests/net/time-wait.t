#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A client that uses its source port again meets a TIME_WAIT socket of the router and still
# connects at once, with the relay and with another proxy.
. "$(dirname "$0")/../lib/test.sh"

ROUNDS=6

# connect times of $ROUNDS flows from one port, in ms; the first meets no TIME_WAIT
reuse() { corner reuse "$1" 80 "$2" $ROUNDS; }

waiting() { # ADDRESS PORT — the router's side of that flow is in TIME_WAIT
	[[ -n $(r ss -Htn state time-wait src "$(bracket "$1")" dst "$(bracket "$2"):$3") ]]
}

check() { # NAME CLIENT ADDRESS PORT LIMIT
	local times sorted

	times=$(reuse "$3" "$4")
	like "$1: all connections to $3 came about: $times" "$times" "^[0-9]+( [0-9]+){$((ROUNDS - 1))}$"
	ok "$1: the router's side is in TIME_WAIT" waiting "$3" "$2" "$4"
	# the middle one: the machine may be busy; a retransmission would take a second
	sorted=$(tr ' ' '\n' <<<"$times" | tail -n +2 | sort -n | sed -n "$((ROUNDS / 2))p")
	at_most "$1: on TIME_WAIT they take little" "$sorted" "$5"
}

prepare nginx
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80 --to 10.77.2.0/24,fd77:2::/64
ok "new flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset
before=$(counter time_wait)
check relay $CLIENT4 $SERVER4 41000 50
check relay $CLIENT6 $SERVER6 41000 50
like "the counter time_wait increases" "$(($(counter time_wait) - before >= 2 * (ROUNDS - 1)))" 1
bypass_none "no packet went past the relay"
do_ok "detach" loader detach --all
relay_stop

serve_haproxy || fatal "haproxy starts"
do_ok "attach, with another proxy" loader attach r0 --ports 80 --proxy 3129
ok "new flows go through it" steering $SERVER4 $SERVER6
bypass_reset
check haproxy $CLIENT4 $SERVER4 41001 50
check haproxy $CLIENT6 $SERVER6 41001 50
bypass_none "no packet went past it"
finish
