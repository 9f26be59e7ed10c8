#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# When an address of the router moves to a server, rules apply to it at once, without a command.
# An address that comes to the router stays reachable.
. "$(dirname "$0")/../lib/test.sh"

VIP4=10.77.9.9 VIP6=fd77:9::9

# answers ADDRESS — yes or no
answers() {
	if c curl -gsS -o /dev/null -m 3 "http://$(bracket "$1"):80/whoami" 2>/dev/null; then
		echo yes
	else
		echo no
	fi
}
move_away() { # ADDRESS LENGTH GATEWAY
	ip -n "$ROUTER" addr del "$1/$2" dev lo
	ip -n "$SERVER" addr add "$1/$2" dev lo
	ip -n "$ROUTER" route add "$1/$2" via "$3"
}
move_back() { # ADDRESS LENGTH
	ip -n "$SERVER" addr del "$1/$2" dev lo
	ip -n "$ROUTER" route del "$1/$2"
	ip -n "$ROUTER" addr add "$1/$2" dev lo
}

prepare nginx
ip -n "$ROUTER" addr add $VIP4/32 dev lo
ip -n "$ROUTER" addr add $VIP6/128 dev lo nodad
do_ok "attach" loader attach r0
do_ok "a drop rule" loader rule add shut --ports 80 --action drop
before=$(counter local_dst)
is "the router's address is its own: refused, not dropped" \
	"$(cpy probe $VIP4 80 3) $(cpy probe $VIP6 80 3)" "refused refused"
is "and counted" "$(($(counter local_dst) - before))" 2

move_away $VIP4 32 $SERVER4
move_away $VIP6 128 $SERVER6
is "it moved to a server: the rule drops" "$(answers $VIP4) $(answers $VIP6)" "no no"
r sysctl -qw net.ipv6.conf.r0.forwarding=0 # of IPv6 the kernel forwards by "all" alone
is "also where the device itself does not forward" "$(answers $VIP6)" no
r sysctl -qw net.ipv6.conf.r0.forwarding=1
bypass_none "nothing got past"

ok "the relay starts" relay_start
do_ok "the rule is removed" loader rule del shut
do_ok "a proxy rule" loader rule add web --ports 80
ip -n "$ROUTER" addr add 10.77.9.8/32 dev lo # the map is true again for others
is "with a proxy rule the relay has it" "$(seen $VIP4) $(seen $VIP6)" "relay relay"
bypass_none "nothing got past"

move_back $VIP4 32
move_back $VIP6 128
is "it came back: the router answers for itself" \
	"$(cpy probe $VIP4 80 3) $(cpy probe $VIP6 80 3)" "refused refused"
is "an address that no command has seen yet, too" "$(cpy probe 10.77.9.8 80 3)" refused
finish
