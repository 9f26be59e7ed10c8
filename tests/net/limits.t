#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Limits of the relay: flows at a time and a second, in total and for each client, and bytes a
# second. What is over a limit is reset, counted and logged, and each flow that ends makes room.
. "$(dirname "$0")/../lib/test.sh"

CONF=$WORK/relay.conf
limit() { # LINE… — read by the running relay, if there is one
	printf '[relay]\n' >"$CONF"
	printf '%s\n' "$@" >>"$CONF"
	[[ -n $RELAY_PID ]] || return 0
	relay_reload 'SIGHUP: lists'
}

HELD=()
hold() { # ADDRESS — a connection that stays until `release`
	local n=${#HELD[@]}

	nsenter --net="/run/netns/$CLIENT" -- python3 "$LIB/net.py" hold "$1" 7007 "$WORK/go" >"$WORK/held$n" 2>&1 &
	HELD+=($!)
	wait_for 10 grep -q up "$WORK/held$n"
}
release() {
	touch "$WORK/go"
	wait "${HELD[@]}"
	HELD=()
	rm "$WORK/go" "$WORK"/held*
}
over() { # DESCRIPTION ADDRESS LIMIT
	is "$1: reset" "$(cpy probe "$2" 7007 3)" "connected reset"
	ok "$1: the log names the limit" relay_says "-> $(escaped "$(bracket "$2")"):7007 .*end=limit reason=$3\$"
}
# flows of the relay's own do not end at once for its counters
served() { wait_for 5 echoes "$1"; }
echoes() { [[ $(cpy probe "$1" 7007 0.3) == "connected open" ]]; }

prepare nginx echo
head -c 3000000 /dev/urandom >"$WORK/www/three"
limit 'max-flows-per-source = 2'
ok "the relay starts" relay_start -c "$CONF"
do_ok "attach" loader attach r0 --ports 80,7007,udp/7007 --to 10.77.2.0/24,fd77:2::/64
ok "flows go through the relay" steering $SERVER4 $SERVER6

ok "one connection" hold $SERVER4
ok "another one" hold $SERVER4
over "the third of a client" $SERVER4 max-flows-per-source
is "there is no room for datagrams either" "$(cpy udp $SERVER4 7007 10)" 0
ok "the log reports it" relay_says "Z udp $(escaped $CLIENT4):[0-9]+ -> .*end=limit reason=max-flows-per-source\$"
ok "others are served" served $SERVER6
release
ok "with room again it is served" served $SERVER4

ip -n "$CLIENT" addr add fd77:1::99/64 dev c0 nodad preferred_lft 0
ok "one connection over IPv6" hold $SERVER6
ok "another one over IPv6" hold $SERVER6
over "the third over IPv6" $SERVER6 max-flows-per-source
nok "another address of the same /64 is the same client" \
	c curl -sS -g -m 5 --interface fd77:1::99 "http://[$SERVER6]/whoami"
ok "the log names the limit" relay_says "Z tcp \[fd77:1::99\]:[0-9]+ -> .*end=limit reason=max-flows-per-source\$"
ok "SIGHUP: addresses count" limit 'max-flows-per-source = 2' 'source-prefix6 = 128'
like "the other address is served" "$(c curl -sS -g -m 5 --interface fd77:1::99 "http://[$SERVER6]/whoami")" "^$ROUTER6 "
ok "SIGHUP: two flows in all" limit 'max-flows = 2'
over "the third in all" $SERVER4 max-flows
release
ok "with room again everybody is served" served $SERVER4

ok "SIGHUP: one new flow a second" limit 'flow-rate = 1'
for n in {1..30}; do
	whoami_at $SERVER4 >/dev/null 2>&1
done
ok "thirty are too fast" relay_says "end=limit reason=flow-rate\$"
ok "SIGHUP: one new flow a second and client" limit 'flow-rate-per-source = 1'
for n in {1..30}; do
	whoami_at $SERVER4 >/dev/null 2>&1
done
ok "thirty of one client are too fast" relay_says "end=limit reason=flow-rate-per-source\$"
ok "but not for another" via_relay $SERVER6

ok "SIGHUP: a megabyte a second" limit 'bandwidth = 1M'
for to in $SERVER4 $SERVER6; do
	took=$(c curl -gsS -m 60 -o "$WORK/three" -w '%{time_total}' "http://$(bracket "$to")/three")
	at_most "3 MB from $to take 2.5 seconds or more" 2.5 "$took"
	ok "and are complete" cmp "$WORK/three" "$WORK/www/three"
done
relay_stop
ok "the summary counts" relay_says 'ended: .* [1-9][0-9]* over a limit'
finish
