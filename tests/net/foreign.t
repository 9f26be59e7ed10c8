#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The tc filter and the ip rule of another program on the same interface survive attach and
# detach, on both hooks, and continue to count.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/foreign.sh
. "$TOP/tests/lib/foreign.sh"

prepare nginx
foreign_counters filter >"$WORK/log/counter" 2>&1 || fatal "the foreign program loads"
r tc qdisc add dev r0 clsact
r tc filter add dev r0 ingress pref 10 handle 7 bpf da pinned /sys/fs/bpf/foreign-filter/prog ||
	fatal "the foreign filter is added"
r tc filter add dev r0 ingress pref 9000 handle 7 bpf da pinned /sys/fs/bpf/foreign-filter/prog
r tc filter add dev r0 egress pref 10 handle 7 bpf da pinned /sys/fs/bpf/foreign-filter/prog
r ip rule add pref 149 iif r0 fwmark 0x40000/0xff0000 lookup 1234
r ip rule add pref 150 iif r0 fwmark 0x40000/0xff0000 lookup 1235
r ip -6 rule add pref 151 iif r0 fwmark 0x40000/0xff0000 lookup 1236
r ip route add 192.0.2.0/24 dev r1 table 1234
ok "the relay starts" relay_start
snapshot >"$WORK/before"

counts_on() { # DESCRIPTION
	local first
	first=$(foreign_counted filter)
	whoami_at $SERVER4 >/dev/null
	[[ $(foreign_counted filter) -gt $first ]]
	tap_result $? "$1"
}

cycle() { # NAME ATTACH-OPTIONS…
	local name=$1
	shift

	counts_on "$name: the foreign filter counts before attach"
	do_ok "$name: attach" loader attach r0 --ports 80 "$@"
	ok "$name: flows go through the relay" steering $SERVER4 $SERVER6
	counts_on "$name: the foreign filter counts while attached"
	like "$name: the first foreign filter exists" "$(r tc filter show dev r0 ingress)" 'pref 10 '
	like "$name: the last foreign filter exists" "$(r tc filter show dev r0 ingress)" 'pref 9000 '
	like "$name: the foreign rules exist" "$(r ip rule)" 'lookup 1234.*lookup 1235'
	do_ok "$name: detach --all" loader detach --all
	unchanged "$name: what is foreign is left, nothing else" "$WORK/before"
	counts_on "$name: the foreign filter counts after detach"
}

cycle auto
cycle clsact --hook clsact
finish
