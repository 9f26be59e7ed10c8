#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Whatever keeps flows from a proxy or from its clients, status does not say ok: ten breakages on
# tcx and on clsact, and what it says about each. If nothing is broken, it says ok.
TEST_LIMIT=400
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/foreign.sh
. "$TOP/tests/lib/foreign.sh"

HOOK=
# tries — new TCP flows of the client, which need not fare well
tries() {
	local to

	for to in "$@"; do
		for _ in 1 2 3; do
			c timeout 0.3 curl -gs "http://$(bracket "$to"):80/whoami" >/dev/null
		done
	done
}
asks() { c dig +tries=1 +time=1 "@$1" test.tproxy >/dev/null; }

# what status says: exit code and ids
says() {
	try loader -j status "$@"
	echo "$RC $(json_value "' '.join(sorted(set(p['id'] for p in o['problems']))) or '-'" <<<"$OUT")"
}
# broken BREAKAGE WANTED [ARG…] — the answer is shown, in words as well
broken() {
	local what=$1 wanted=$2
	shift 2

	is "$HOOK: $what" "$(says "$@")" "$wanted"
	loader status "$@" | sed -n '/^problems:/,$p' | sed "s/^/    $what: /" | tap_comment
}
well() { is "$HOOK: $1" "$(says)" "0 -"; }
# again ARG… — attached again, so that nothing was seen before
again() {
	loader -q detach --all
	do_ok "$HOOK: attach" loader attach r0 --hook "$HOOK" --ports 80,udp/53 "$@"
}

prepare nginx dns
ok "the relay starts" relay_start

all_is_well() {
	again
	well "nothing is broken, and nothing was seen"
	like "$HOOK: in words" "$(loader status)" 'no flow has met a rule yet: .*verdict: ok$'
	is "$HOOK: -q leaves that out" "$(loader -q status | grep 'no flow')" ""
	ok "$HOOK: flows go through the relay" steering $SERVER4 $SERVER6
	asks $SERVER4
	well "flows arrive"
	is "$HOOK: rules have met flows" "$(loader status | grep 'no flow')" ""
	is "$HOOK: all probes do" "$(loader -j status --probe |
		json_value "o['verdict'], o['probes_sent'] >= 4, o['probes_sent'] == o['probes_arrived']")" \
		"('ok', True, True)"
	like "$HOOK: in words" "$(loader status --probe)" 'probes: [45] sent, [45] arrived.*verdict: ok$'
	do_ok "$HOOK: of one interface" loader status r0 --probe
	refuses "$HOOK: one that is not attached" 3 'not attached' loader status r1
	refuses "$HOOK: one that does not exist" 3 'nosuch0: no such interface' loader status nosuch0
}

filter_drops() {
	r nft -f - <<-'NFT'
		table inet fw {
			chain input {
				type filter hook input priority 0; policy drop;
				iifname "lo" accept
				ct state established accept
				meta l4proto ipv6-icmp accept
			}
		}
	NFT
	for to in $SERVER4 $SERVER6; do
		again
		tries "$to"
		broken "INPUT drops, flows to $to" "5 input-filter"
	done
	again
	broken "INPUT drops, and nothing was seen" "5 input-filter" --probe
	asks $SERVER4
	broken "INPUT drops datagrams" "5 input-filter"
	cure=$(loader status --probe | sed -n "s/.*(nft '\(insert .* accept\)';.*/\1/p" | head -n 1)
	like "$HOOK: it names the chain" "$cure" '^insert rule inet fw input '
	do_ok "$HOOK: the cure it names" r nft "$cure"
	again
	tries $SERVER4
	well "helps"
	r nft delete table inet fw
}

no_way_back() {
	again
	r sysctl -qw net.ipv4.conf.r0.rp_filter=1
	r ip route add $CLIENT4/32 via $SERVER4
	tries $SERVER4
	broken "strict rp_filter, and another way back" "5 rp-filter"
	r sysctl -qw net.ipv4.conf.r0.rp_filter=0
	r ip route del $CLIENT4/32

	again
	c ip addr add 10.88.0.2/32 dev c0
	for _ in 1 2 3; do
		c timeout 0.3 curl -s --interface 10.88.0.2 http://$SERVER4/ >/dev/null
	done
	broken "no return route" "5 no-return-route"
	c ip addr del 10.88.0.2/32 dev c0

	again
	c ip -6 addr add fd88::2/128 dev c0 nodad
	for _ in 1 2 3; do
		c timeout 0.3 curl -gs --interface fd88::2 "http://[$SERVER6]/" >/dev/null
	done
	broken "no IPv6 return route" "5 no-return-route"
	c ip -6 addr del fd88::2/128 dev c0

	again
	c ip addr add 10.77.1.88/24 dev c0
	c sysctl -qw net.ipv4.conf.c0.arp_ignore=8
	r ip neigh flush dev r0
	for _ in 1 2 3; do
		c timeout 2 curl -s --interface 10.77.1.88 http://$SERVER4/ >/dev/null
	done
	broken "no ARP" "4 no-neighbour"
	c sysctl -qw net.ipv4.conf.c0.arp_ignore=0
	c ip addr del 10.77.1.88/24 dev c0
	r ip neigh flush dev r0
}

led_astray() {
	again
	r ip link add br0 type bridge
	r ip link set r0 master br0
	broken "bridge port" "5 enslaved"
	r ip link del br0

	for to in $SERVER4 $SERVER6; do
		again
		r ip rule add from 10.77.1.0/24 pref 100 lookup main
		r ip -6 rule add from fd77:1::/64 pref 100 lookup main
		tries "$to"
		like "$HOOK: earlier rule, flows to $to" "$(says)" '^[45] .*(earlier-rule|mark-lost)'
		loader status | sed -n '/^problems:/,$p' | sed "s/^/    earlier rule: /" | tap_comment
		r ip rule del pref 100
		r ip -6 rule del pref 100
	done

	r nft -f - <<-'NFT'
		table inet other {
			chain prerouting { type filter hook prerouting priority -150; meta mark set 0; }
		}
	NFT
	for to in $SERVER4 $SERVER6; do
		again
		tries "$to"
		broken "mark lost, flows to $to" "5 mark-lost"
		again
		asks "$to"
		broken "mark lost, datagrams to $to" "5 mark-lost"
	done
	r nft delete table inet other

	loader -q detach --all
	do_ok "$HOOK: attach the servers' side" loader attach r1 --hook "$HOOK" --ports 80
	tries $SERVER4 $SERVER6
	broken "wrong interface" "4 wrong-interface"
}

nobody_takes_them() {
	again
	relay_stop
	broken "relay down" "5 no-listener"
	again --proxy 3129 --to 10.77.2.0/24
	broken "proxy down" "5 no-listener"
	loader -q port del udp/53
	serve_run opaque "$ROUTER" python3 "$LIB/listen.py" 3129 tcp 0.0.0.0
	wait_for 10 listening "$ROUTER" tcp 3129
	broken "not transparent" "5 listener-not-transparent"
	stop "${SERVE_PIDS[-1]}"
	loader -q detach --all
	ok "the relay starts again" relay_start
}

# net/breakages.t asks with either hook
HOOK=clsact
[[ ! $("$LOADER" -j features) =~ \"tcx\":\ *true ]] || HOOK=tcx
all_is_well
filter_drops
no_way_back
led_astray
nobody_takes_them

# who runs before
echo 'SEC("xdp") int look(void *ctx) { return 2; }' | foreign_build look
ok "an XDP program is on the interface" r bpftool prog load "$WORK/look.o" /sys/fs/bpf/look
r ip link set r0 xdpgeneric pinned /sys/fs/bpf/look
do_ok "attach" loader attach r0 --ports 80
broken "an earlier program" "4 earlier-program"
like "is listed" "$(loader status)" 'before it: [^,]*look \(id [0-9]+\) on r0'
is "in JSON too" "$(loader -j status | json_value "[(p['name'], p['device'], p['acknowledged']) for p in o['interfaces'][0]['before']]")" \
	"[('look', 'r0', False)]"
try loader test tcp $CLIENT4 $SERVER4:80
like "test names it" "$OUT" "to the proxy's listener.*! r0: .*look .*runs before ours"
is "as a remark" $RC 4
do_ok "it is acknowledged" loader attach r0 --after look
is "then all is well" "$(says)" "0 -"
like "and it is listed" "$(loader status)" 'look \(id [0-9]+\) on r0, acknowledged'
r ip link set r0 xdpgeneric off
loader -q detach --all

do_ok "attach" loader attach r0 --ports 80
do_ok "a rule that refuses" loader rule add shut --ports 81 --action reset
c curl -gs "http://$SERVER4:81/" >/dev/null
like "one flow is one" "$(loader rule list)" '1 shut: .*\(1 flow, 1 packet, [0-9]+ bytes'
like "and none are many" "$(loader rule list)" '0 default: .*\(0 flows, 0 packets, 0 bytes'
loader -q detach --all

# what is no breakage
do_ok "attach without a rule" loader attach r0
well "nothing is intercepted: that is ok"
like "and reported" "$(loader status)" 'nothing is intercepted: no rule.*verdict: ok$'
do_ok "divert only" loader attach r1 --divert-only
well "is ok"
r ip link set r1 down
broken "down" "4 device-down"
r ip link set r1 up
ok "the program is taken away" r rm "$PINS/links/$(r cat /sys/class/net/r1/ifindex 2>/dev/null || r ip -o link show r1 | cut -d: -f1)"
like "which shows" "$(says)" '^5 .*program-missing'
is "not on the other interface" "$(says r0)" "0 -"
do_ok "detach" loader detach --all
finish
