#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The real wg-quick, with everything through its tunnel, starts and stops while watch runs. Its
# two routing rules come before ours, and new and established relayed flows pause for at most a
# second.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/soak.sh
. "$TOP/tests/lib/soak.sh"

command -v wg-quick >/dev/null || skip_inside "wg-quick is not installed (scripts/deps installs it)"
prepare
soak_serve || fatal "the server starts"
if r ip link add wgq type wireguard 2>/dev/null; then
	r ip link del wgq
elif ! command -v wireguard-go >/dev/null || [[ ! -c /dev/net/tun ]]; then
	skip_inside "neither the kernel nor wireguard-go speaks WireGuard (scripts/deps installs the latter)"
fi

# Its chain premangle gives UDP the mark of connection tracking instead of ours, which no routing
# rule can cure: without it, for this is about rules.
mkdir -m 700 "$WORK/wg"
cat >"$WORK/wg/wgq.conf" <<-CONF
	[Interface]
	PrivateKey = $(wg genkey)
	Address = 10.99.0.2/32, fd99::2/128
	PostUp = for family in ip ip6; do nft flush chain \$family wg-quick-%i premangle || true; done
	[Peer]
	PublicKey = $(wg genkey | wg pubkey)
	AllowedIPs = 0.0.0.0/0, ::/0
	Endpoint = $SERVER4:51820
CONF

# first 4|6 — ours is before everything but the table local
first() { [[ $(r ip "-$1" rule | sed -n 2p) == *' iif r0 lookup 15001 proto 116' ]]; }
preference() { r ip "-$1" rule | sed -n 's/^\([0-9]*\):.* iif r0 lookup 15001 proto 116$/\1/p'; }
# theirs 4|6 — the tables of its rules, in their order
theirs() { r ip "-$1" rule | sed -n 's/.*lookup main suppress_prefixlength 0.*/main/p; s/.*not from all fwmark.*/tunnel/p' | xargs; }

snapshot_quick >"$WORK/before"
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 7007 --proto tcp+udp
"$LOADER" -n "$ROUTER" watch >"$WORK/log/watch" 2>&1 </dev/null &
watch=$!
disown $watch
ok "watch starts" wait_for 10 grep -q watching "$WORK/log/watch"
soak_state attached
soak_load old forever -- $SERVER4 $SERVER6
soak_load new new new long -- $SERVER4 $SERVER6
soak_load udp udp udp -- $SERVER4 $SERVER6
more() { # that many more flows of each kind are relayed
	wait_for 20 soaked_more new 1 $(($(soaked new 1) + $1)) &&
		wait_for 20 soaked_more udp 1 $(($(soaked udp 1) + $1))
}
established() { [[ $(r ss -Htn state established "dport = :7007 and dst $SERVER4" | wc -l) -gt 0 ]]; }
ok "flows are relayed" more 20
ok "established ones too" established

# steady NAME — none fails
steady() {
	local failed

	ok "$1: the pause is over" more 20
	sleep 6 # a datagram of the pause counts as lost after 5 s (LOST of soak.py)
	failed="$(soaked new 3) $(soaked udp 3) $(soaked old 3)"
	ok "$1: new flows are relayed" more 40
	is "$1: and none fails" "$(soaked new 3) $(soaked udp 3) $(soaked old 3)" "$failed"
}

lost_udp=$(soaked udp 3)
do_ok "wg-quick up" r wg-quick up "$WORK/wg/wgq.conf"
for family in 4 6; do
	ok "IPv$family: ours is first within a second" wait_for 2 first $family
	is "IPv$family: its two exist, in the order that it meant" "$(theirs $family)" "main tunnel"
	like "IPv$family: ours is no longer at 150, and not at 0" "$(preference $family)" '^1[0-4][0-9]$'
done
steady "up"
# a datagram waits a second for its answer, in each of four flows
at_most "up: UDP was lost for a second or so" $(($(soaked udp 3) - lost_udp)) 12
ok "watch reported it" grep -q 'r0: repaired: rule order' "$WORK/log/watch"
do_ok "status says that routing is right" loader status
like "for both families" "$OUT" 'r0: .*IPv4 ok, IPv6 ok'

do_ok "wg-quick down" r wg-quick down "$WORK/wg/wgq.conf"
steady "down"
back() { [[ "$(preference 4) $(preference 6)" == "150 150" ]]; }
ok "our rule moves back when nothing changes any more" wait_for 30 back
# what was forwarded before ours moved is answered by the server, with a reset
at_most "established flows broke in that second, if at all" "$(soaked old 3)" 4
at_most "and new ones" "$(soaked new 3)" 8
soak_stop
is "no TCP flow was direct" "$(soaked old 2) $(soaked new 2)" "0 0"
stop $watch
do_ok "detach" loader detach --all
r sysctl -qw net.ipv4.conf.all.src_valid_mark=0
snapshot_quick >"$WORK/now"
same_text "nothing is left" "$WORK/before" "$WORK/now"
finish
