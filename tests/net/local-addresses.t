#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Every command that changes something updates the map of the addresses of this host. attach warns
# where only this map decides: where packets are not forwarded.
. "$(dirname "$0")/../lib/test.sh"

prepare
knows() { # ADDRESS — does the map have it?
	# shellcheck disable=SC2046 # one argument a byte
	bpftool -j map lookup pinned "$PINS/internal/local" key hex $(python3 -c '
import ipaddress, sys
a = ipaddress.ip_address(sys.argv[1])
b = a.packed if a.version == 6 else bytes(10) + b"\xff\xff" + a.packed
print(" ".join("%02x" % x for x in b))' "$1") >/dev/null 2>&1
}
unknown() { ! knows "$1"; }

do_ok "attach" loader attach r0 --ports 80 --to 10.77.2.0/24
is "no warning where packets are forwarded" "$(grep -c forwarding <<<"$ERR")" 0
ok "the router's own address is known" knows $GATE4
r ip addr add 10.77.8.1/32 dev lo
r ip addr add fd77:8::1/128 dev lo
ok "a new one is not" unknown 10.77.8.1
do_ok "a port is added" loader port add tcp/81
ok "then it is" knows 10.77.8.1
ok "that of IPv6 as well" knows fd77:8::1

n=0
refreshes() { # NAME COMMAND… — adds one address and removes the one of before
	local name=$1
	shift

	n=$((n + 1))
	r ip addr add 10.77.9.$n/32 dev lo
	r ip addr del 10.77.9.$((n - 1))/32 dev lo 2>/dev/null
	do_ok "$name" loader "$@"
	ok "$name: the new address is known" knows 10.77.9.$n
	ok "$name: the old one is forgotten" unknown 10.77.9.$((n - 1))
}

printf '[rule a]\nports = 80\n' >"$WORK/a.conf"
refreshes "cidr add" cidr add 10.99.0.0/16
refreshes "rule add" rule add x --ports 99
refreshes "rule del" rule del x
refreshes "apply" apply "$WORK/a.conf"
refreshes "apply of the same" apply "$WORK/a.conf"
refreshes "rollback" rollback
refreshes "confirm" confirm
refreshes "attach" attach r0
refreshes "attach of another" attach r1 --divert-only
refreshes "detach of one" detach r1
r ip addr add 10.77.9.99/32 dev lo
do_ok "rule list" loader rule list
do_ok "--show-bpftool" loader port add tcp/82 --show-bpftool
do_ok "a dry run" loader attach r0 --dry-run
ok "readers change nothing" unknown 10.77.9.99
do_ok "detach" loader detach --all

r sysctl -qw net.ipv4.conf.r0.forwarding=0
do_ok "attach without forwarding" loader attach r0 --ports 80
like "warns of IPv4" "$ERR" 'warning: r0: IPv4 forwarding is off: .*tproxy-loader watch'
do_ok "detach" loader detach --all
r sysctl -qw net.ipv6.conf.r0.forwarding=0
do_ok "attach without IPv6 forwarding either" loader attach r0 --ports 80
like "warns of both" "$ERR" 'warning: r0: IPv4 and IPv6 forwarding is off'

# A relay that runs notes an address as soon as it comes.
ok "the relay starts" relay_start
ok "it registers" relay_says registered
r ip addr add 10.77.1.50/24 dev r0
r ip addr add fd77:1::50/64 dev r0 nodad
ok "it notes a new address" wait_for 10 knows 10.77.1.50
ok "that of IPv6 as well" wait_for 10 knows fd77:1::50
is "which the router answers for, rules or not" \
	"$(cpy probe 10.77.1.50 80 5) $(cpy probe fd77:1::50 80 5)" "refused refused"
finish
