#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Descriptors are short, and one client takes all that it can get: it loses its own connections, and
# nobody else loses one, even if it was quiet for longer. IPv6 neighbours in a /64 are one client. By
# default one client gets a quarter.
. "$(dirname "$0")/../lib/test.sh"

ulimit -n "$(ulimit -Hn)"
# a limit that even root cannot raise
cat >"$WORK/relay" <<-SCRIPT
	#!/bin/sh
	exec prlimit --nofile=512:512 setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource \
		"$TOP/tproxy-relay" "\$@"
SCRIPT
chmod +x "$WORK/relay"
RELAY=$WORK/relay
VICTIM4=$CLIENT4 ATTACKER4=10.77.1.3 GUEST4=10.77.1.4
VICTIM6=$CLIENT6 GUEST6=fd77:8::1

greedy() { # NAME COMMAND… — starts it in the background
	local name=$1
	shift

	serve_run "$name" "$CLIENT" python3 "$LIB/greedy.py" "$@"
}
said() { grep -Eq "$2" "$WORK/log/$1"; }
# counted NAME — tells it to count, and prints how many of its connections work
counted() {
	touch "$WORK/$1.go"
	wait_for 60 said "$1" '^[0-9]+$'
	grep -E '^[0-9]+$' "$WORK/log/$1"
}

prepare echo
ip -n "$CLIENT" addr add $ATTACKER4/24 dev c0
ip -n "$CLIENT" addr add $GUEST4/24 dev c0
for n in {1..8}; do
	ip -n "$CLIENT" addr add fd77:9::"$n"/128 dev c0 nodad
done
ip -n "$CLIENT" addr add $GUEST6/128 dev c0 nodad
ip -n "$ROUTER" route add fd77:9::/64 via $CLIENT6
ip -n "$ROUTER" route add $GUEST6/128 via $CLIENT6
do_ok "attach" loader attach r0 --ports 7007,udp/7007 --to 10.77.2.0/24,fd77:2::/64

relays() { # ARGS…
	relay_stop
	relay_start "$@" && wait_for 10 echoes
}
echoes() { [[ $(cpy probe "$SERVER4" 7007 0.3) == "connected open" ]]; }

# besieged NAME SERVER ATTEMPTS VICTIM GUEST ATTACKER…
besieged() {
	local name=$1 server=$2 attempts=$3 victim=$4 guest=$5
	shift 5

	greedy "victim$name" sessions "$server" 7007 "$victim" 10 "$WORK/victim$name.go"
	ok "$name: ten sessions" wait_for 20 said "victim$name" up
	# idle for longer than all others, and for longer than two seconds
	sleep 2.5
	greedy "attack$name" attack "$server" 7007 "$attempts" "$WORK/attack$name.go" "$@"
	ok "$name: another client tries $attempts connections" wait_for 100 said "attack$name" tried
	# he has all that there is, and none of it idle: somebody new gets in all the same
	greedy "guest$name" sessions "$server" 7007 "$guest" 5 "$WORK/guest$name.go"
	ok "$name: a third one gets five" wait_for 20 said "guest$name" up
	is "$name: the ten are alive" "$(counted "victim$name")" 10
	is "$name: so are the five" "$(counted "guest$name")" 5
	counted "attack$name" >"$WORK/left"
}

ok "a relay without a limit for each client starts" relays --max-flows-per-source 0
besieged "IPv4, no limit" $SERVER4 1000 $VICTIM4 $GUEST4 $ATTACKER4
like "the attacker has the rest ($(<"$WORK/left"))" "$(($(<"$WORK/left") > 60))" 1
ok "and lost connections of his own" relay_says "tcp $ATTACKER4:.* end=(evicted|limit)"
nok "nobody else did" grep -Eq "tcp ($VICTIM4|$GUEST4):.* end=(evicted|limit)" "$RELAY_LOG"
ok "a relay without a limit for each client starts" relays --max-flows-per-source 0
besieged "IPv6, no limit" $SERVER6 1000 $VICTIM6 $GUEST6 fd77:9::{1..8}
like "the attacker has the rest ($(<"$WORK/left"))" "$(($(<"$WORK/left") > 60))" 1
nok "nobody else lost a connection" grep -E "tcp \[(fd77:1|fd77:8)::.* end=(evicted|limit)" "$RELAY_LOG"

ok "a relay with the default starts" relays --log-level debug
max=$(sed -n 's/.* max-flows-per-source is \([0-9]*\) unless set.*/\1/p' "$RELAY_LOG")
like "its default for one client is a quarter: $max" "$((max >= 40 && max <= 512 / 8))" 1
besieged "IPv4, 20 000" $SERVER4 20000 $VICTIM4 $GUEST4 $ATTACKER4
is "the attacker has that quarter" "$(<"$WORK/left")" "$max"
ok "the log names the limit" relay_says "tcp $ATTACKER4:.* end=limit reason=max-flows-per-source\$"
is "his datagrams are answered, in place of older ones" \
	"$(c python3 "$LIB/greedy.py" datagrams $SERVER4 7007 $ATTACKER4 100)" 100
nok "nobody lost a connection" grep -E "tcp .* end=evicted" "$RELAY_LOG"
relay_stop
finish
