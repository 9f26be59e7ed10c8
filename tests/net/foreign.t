#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Somebody else's tc filter and ip rule on the same interface survive attach and
# detach, on both hooks, and go on counting.
. "$(dirname "$0")/../lib/test.sh"

# a program that counts and lets the others decide
build_counter() {
	cat >"$WORK/counter.c" <<-'C'
		#define SEC(name) __attribute__((section(name), used))
		unsigned long long packets[1] SEC(".data");
		SEC("tc") int count(void *skb)
		{
			__sync_fetch_and_add(&packets[0], 1);
			return -1;
		}
		char _license[] SEC("license") = "GPL";
	C
	"${CLANG:-clang}" -O2 -g -target bpf -c "$WORK/counter.c" -o "$WORK/counter.o" &&
		mkdir -p /sys/fs/bpf/foreign &&
		bpftool prog load "$WORK/counter.o" /sys/fs/bpf/foreign/prog pinmaps /sys/fs/bpf/foreign
}

counted() { bpftool -j map dump pinned "$(echo /sys/fs/bpf/foreign/*data)" | python3 -c '
import json, sys
entry = json.load(sys.stdin)[0]
print(int.from_bytes(bytes(int(byte, 16) for byte in entry["value"]), "little"))'; }

prepare nginx
build_counter >"$WORK/log/counter" 2>&1 || fatal "the foreign program loads"
r tc qdisc add dev r0 clsact
r tc filter add dev r0 ingress pref 10 handle 7 bpf da pinned /sys/fs/bpf/foreign/prog ||
	fatal "the foreign filter is added"
r tc filter add dev r0 ingress pref 9000 handle 7 bpf da pinned /sys/fs/bpf/foreign/prog
r tc filter add dev r0 egress pref 10 handle 7 bpf da pinned /sys/fs/bpf/foreign/prog
r ip rule add pref 149 iif r0 fwmark 0x40000/0xff0000 lookup 1234
r ip rule add pref 150 iif r0 fwmark 0x40000/0xff0000 lookup 1235
r ip -6 rule add pref 151 iif r0 fwmark 0x40000/0xff0000 lookup 1236
r ip route add 192.0.2.0/24 dev r1 table 1234
ok "the relay starts" relay_start
snapshot >"$WORK/before"

counts_on() { # DESCRIPTION
	local first
	first=$(counted)
	whoami_at $SERVER4 >/dev/null
	[[ $(counted) -gt $first ]]
	tap_result $? "$1"
}

cycle() { # NAME ATTACH-OPTIONS…
	local name=$1
	shift

	counts_on "$name: the foreign filter counts before attach"
	do_ok "$name: attach" loader attach r0 --port 80 "$@"
	ok "$name: flows go through the relay" steering $SERVER4 $SERVER6
	counts_on "$name: the foreign filter counts while attached"
	like "$name: the first foreign filter is there" "$(r tc filter show dev r0 ingress)" 'pref 10 '
	like "$name: the last foreign filter is there" "$(r tc filter show dev r0 ingress)" 'pref 9000 '
	like "$name: the foreign rules are there" "$(r ip rule)" 'lookup 1234.*lookup 1235'
	do_ok "$name: detach --all" loader detach --all
	unchanged "$name: what is foreign is left, nothing else" "$WORK/before"
	counts_on "$name: the foreign filter counts after detach"
}

cycle auto
cycle clsact --hook clsact
finish
