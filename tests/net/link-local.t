#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Linux forwards 169.254.0.0/16, where clouds keep their metadata services, 240.0.0.0/4 and,
# except for 0.0.0.0, 0.0.0.0/8. Rules apply to all. The relay connects to the first only while a
# rule names it, to the second always, to the third never.
. "$(dirname "$0")/../lib/test.sh"

META4=169.254.169.254
FUTURE4=240.1.2.3
ZERO4=0.1.2.3

asked() { corner ask "$1" 7007 "$2" 2; }
outcome() { [[ $(asked "$1" tcp) == "$2" ]]; }

# passes, dropped, relayed NAME ADDRESS
passes() {
	is "$1: TCP and UDP to $2 pass" "$(asked "$2" tcp,udp)" "server $2 7007"
}
dropped() {
	local before

	bypass_reset
	before=$(counter rule_drop)
	is "$1: TCP and UDP to $2 are dropped" "$(asked "$2" tcp,udp)" timeout
	bypass_none "$1: nothing went past"
	ok "$1: that was the rule" test "$(counter rule_drop)" -ge $((before + 2))
}
relayed() {
	bypass_reset
	is "$1: TCP and UDP to $2 are answered" "$(asked "$2" tcp,udp)" "server $2 7007"
	bypass_none "$1: nothing went past the relay"
	ok "$1: it was the relay, TCP" relay_says "$(record tcp $CLIENT4 "$2" 7007 "via .* start")"
	ok "$1: it was the relay, UDP" relay_says "$(record udp $CLIENT4 "$2" 7007 "via .* start")"
}

prepare
for to in $META4 $FUTURE4 $ZERO4; do
	ip -n "$SERVER" addr add "$to/32" dev lo
	r ip route add "$to/32" via $SERVER4
done
serve_run tell "$SERVER" python3 "$LIB/corner.py" tell 7007 server
wait_for 10 listening "$SERVER" tcp 7007 || fatal "the service starts"
passes "without a rule" $META4
passes "without a rule" $FUTURE4
passes "without a rule" $ZERO4

ok "the relay starts" relay_start --log-level debug
do_ok "attach" loader attach r0 --ports 7007 --proto tcp+udp --to 10.77.2.0/24
ok "it is registered" relay_says registered
passes "a rule for others" $META4
passes "a rule for others" $FUTURE4

do_ok "a drop rule" loader rule add shut --action drop --ports 7007 --proto tcp+udp \
	--to $META4/32,$FUTURE4/32,$ZERO4/32 --before default
dropped "drop" $META4
dropped "drop" $FUTURE4
dropped "drop" $ZERO4
do_ok "it goes" loader rule del shut

do_ok "a rule for all" loader rule add every --ports 7007 --proto tcp+udp --to all
relayed "all" $FUTURE4
bypass_reset
ok "all: TCP to $META4 is reset" outcome $META4 ECONNRESET
is "all: UDP to $META4 is not answered" "$(asked $META4 udp)" timeout
for proto in tcp udp; do
	ok "all: the log says why, $proto" relay_says \
		"$(record $proto $CLIENT4 $META4 7007 ".*end=refused reason=link-local")"
done
bypass_none "all: nothing went past the relay"

# Which one does not matter: that somebody means these addresses is what counts.
for prefix in $META4/32 169.254.0.0/16; do
	do_ok "a rule for $prefix" loader rule add meta --ports 7007 --proto tcp+udp --to "$prefix"
	ok "named: TCP to $META4 is relayed" wait_for 10 outcome $META4 "server $META4 7007"
	relayed "named by $prefix" $META4
	do_ok "it goes" loader rule del meta
	ok "then it is refused again" wait_for 10 outcome $META4 ECONNRESET
done

do_ok "a drop rule for the wider network" loader rule add shut --action drop --ports 7007 --proto tcp+udp \
	--to 169.254.0.0/16,240.0.0.0/4 --before every
dropped "drop all of it" $META4
dropped "drop all of it" $FUTURE4
finish
