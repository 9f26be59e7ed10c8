#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# For each rule and about the last minute, the data path counts the flow starts that it gave to a
# listener, the handshakes that were completed, and SYN-ACKs of flows that began elsewhere.
. "$(dirname "$0")/../lib/test.sh"

# health RULE-INDEX tcp|udp — "started delivered"
health() {
	bpftool -j map dump pinned "$PINS/internal/health" | json_value "
' '.join(str(sum(sum(v['value'][field]) for v in next(e for e in o if e['formatted']['key'] == 2 * $1 + ('$2' == 'udp'))['formatted']['values'])) for field in ('started', 'delivered'))"
}
last() { # RULE-INDEX — "proto dport interface" of the latest TCP flow start
	bpftool -j map dump pinned "$PINS/internal/health" | json_value "
(lambda v: '%d %d %d' % (v['last']['proto'], int.from_bytes(v['last']['dport'].to_bytes(2, 'little'), 'big') if isinstance(v['last']['dport'], int) else 0, v['ifindex']))(max((v['value'] for v in next(e for e in o if e['formatted']['key'] == 2 * $1)['formatted']['values']), key=lambda v: v['last_ns']))"
}
gets() { # ADDRESS COUNT
	local i

	for ((i = 0; i < $2; i++)); do
		[[ $(seen "$1") == relay ]] || return 1
	done
}
shut() { ! c curl -gsS -m 1 "http://$(bracket "$1")/whoami" >"$WORK/get" 2>&1; }

# grows NAME ERE CMD… — CMD works, and adds "started delivered" as ERE says. What is half a minute
# old goes away meanwhile: tried again, then.
grows() {
	local name=$1 pattern=$2 before after grown
	shift 2

	for _ in 1 2 3; do
		before=$(health 0 tcp)
		"$@" || break
		after=$(health 0 tcp)
		grown="$((${after% *} - ${before% *})) $((${after#* } - ${before#* }))"
		[[ ! $grown =~ $pattern ]] || break
	done
	like "$name" "$grown" "$pattern"
}

prepare nginx echo
ok "the relay starts" relay_start
index=$(r ip -o link show r0 | cut -d: -f1)
for hook in tcx clsact; do
	try loader attach r0 --hook $hook --ports 80,udp/7007
	[[ $RC -eq 0 ]] || continue
	is "$hook: at first nothing" "$(health 0 tcp) $(health 0 udp)" "0 0 0 0"
	for to in $SERVER4 $SERVER6; do
		grows "$hook: 5 flows to $to start and are delivered" '^5 5$' gets "$to" 5
		is "$hook: $to: the latest is known" "$(last 0)" "6 80 $index"
	done

	r nft 'add table inet closed; add chain inet closed in { type filter hook input priority 0; policy drop; }'
	for to in $SERVER4 $SERVER6; do
		grows "$hook: $to, INPUT closed: flows start and are not delivered" '^[1-9] 0$' shut "$to"
	done
	r nft delete table inet closed

	r sysctl -qw net.ipv4.tcp_syncookies=2
	grows "$hook: 3 flows by SYN cookie" '^3 3$' gets $SERVER4 3
	r sysctl -qw net.ipv4.tcp_syncookies=1

	like "$hook: UDP is relayed" "$(cpy udp-who $SERVER4 7007)" ' other-port$'
	like "$hook: datagrams start" "$(health 0 udp)" '^[1-9][0-9]* 0$'
	is "$hook: no packet bypassed the relay" "$(counter past)" 0
	do_ok "$hook: detach" loader detach --all

	do_ok "$hook: attach the wrong interface" loader attach r1 --hook $hook --ports 80
	for to in $SERVER4 $SERVER6; do
		ok "$hook: flows to $to bypass the relay" direct "$to"
	done
	is "$hook: which is counted" "$(counter past)" 2
	do_ok "$hook: a rule that passes" loader rule add --before default pass --ports 80 --action pass
	ok "$hook: flows go there" direct $SERVER4
	is "$hook: that is no bypass" "$(counter past)" 2
	do_ok "$hook: detach" loader detach --all

	do_ok "$hook: attach" loader attach r0 --hook $hook --ports 80
	grows "$hook: 2 flows start" '^2 2$' gets $SERVER4 2
	do_ok "$hook: a rule before it" loader rule add --before default earlier --ports 81 --action pass
	is "$hook: the new rule has no health" "$(last 0)" "0 0 0"
	is "$hook: the old one keeps its latest flow" "$(last 1)" "6 80 $index"
	do_ok "$hook: the old rule goes, another one gets its number" loader rule del default
	do_ok "$hook: a new rule" loader rule add another --ports 82
	is "$hook: it has no health" "$(last 1)" "0 0 0"
	do_ok "$hook: detach" loader detach --all
done
finish
