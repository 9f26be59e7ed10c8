#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Which flows a rule takes: ports, ranges, prefixes, sources; all TCP by default, nothing without
# a rule.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx dns
ok "the relay starts" relay_start

table() { # DESCRIPTION WANTED — for: v4 :80, v4 :8080, v6 :80, v6 :8080, extra v4, extra v6
	is "$1" "$(seen $SERVER4) $(seen "$SERVER4" 8080) $(seen $SERVER6) $(seen $SERVER6 8080) $(
		seen $EXTRA4) $(seen $EXTRA6)" "$2"
}

with() { # DESCRIPTION WANTED ATTACH-OPTIONS…
	local what=$1 wanted=$2
	shift 2

	do_ok "$what: attach" loader attach r0 "$@"
	[[ $wanted != *relay* ]] || wait_for 10 some_relayed
	table "$what" "$wanted"
	do_ok "$what: detach" loader detach --all
}
some_relayed() {
	[[ "$(seen "$SERVER4")$(seen "$SERVER4" 8080)$(seen "$SERVER6")" == *relay* ]]
}

all="relay relay relay relay relay relay"
none="direct direct direct direct direct direct"
with "no rule" "$none"
like "the message says how to add one" "$ERR$(loader attach r0 2>&1)" '(rule|--ports)'
do_ok "detach" loader detach --all
with "one port" "relay direct relay direct relay relay" --ports 80
with "a range of ports" "direct relay direct relay direct direct" --ports 8000-8100
with "a list with a range" "$all" --ports 22,79-81,8080
with "all TCP ports of a prefix" "relay relay direct direct direct direct" --to 10.77.2.0/24
with "one address" "relay relay direct direct direct direct" --to 10.77.2.2/32
with "one address without a length" "relay relay direct direct direct direct" --to 10.77.2.2
with "an IPv6 prefix" "direct direct relay relay direct direct" --to fd77:2::/64
with "all" "$all" --to all
with "only a UDP port" "$none" --ports udp/53
with "our source" "$all" --to all --from 10.77.1.0/24,fd77:1::2
with "our IPv4 source" "relay relay direct direct relay direct" --to all --from 10.77.1.2
with "another source" "$none" --to all --from 10.77.1.3,fd77:1:1::/64
with "source, port and prefix" "relay direct direct direct direct direct" \
	--ports 80 --to 10.77.2.0/24 --from 10.77.1.0/24
with "divert only" "$none" --divert-only

# what dnsmasq saw last, by transport
asked() { # ARGS…
	dig_at $SERVER4 "$@" test.tproxy A >/dev/null
	sed -n 's/.*query\[A\] test.tproxy from //p' "$WORK/log/dnsmasq-queries" | tail -1
}
udp_relayed() { [[ $(asked) == "$ROUTER4" ]]; }

do_ok "attach UDP" loader attach r0 --ports udp/53 --to 10.77.2.0/24
ok "UDP port 53 is relayed" wait_for 10 udp_relayed
is "TCP port 53 is direct" "$(asked +tcp)" $CLIENT4
do_ok "detach" loader detach --all
finish
