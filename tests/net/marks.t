#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Rules and marks of VPNs and of kube-proxy do no harm. A rule that uses our mark bit, and foreign
# routes in our table, are refused before anything changes; --mark and --table choose others.
. "$(dirname "$0")/../lib/test.sh"

both() { # RULE…
	r ip -4 rule add "$@" && r ip -6 rule add "$@"
}

tailscale_rules() {
	both pref 5210 fwmark 0x80000/0xff0000 lookup main &&
		both pref 5230 fwmark 0x80000/0xff0000 lookup default &&
		both pref 5250 fwmark 0x80000/0xff0000 type unreachable &&
		both pref 5270 lookup 52
}

# the full tunnel: all that is not WireGuard's own goes to another table
wg_quick_rules() {
	both pref 32765 not fwmark 0xca6c lookup 51820 &&
		both pref 32764 lookup main suppress_prefixlength 0 &&
		r ip route add default via "$SERVER4" table 51820 &&
		r ip -6 route add default via "$SERVER6" table 51820
}

# its masquerade and drop marks, set by netfilter on what passes
kube_marks() {
	r nft -f - <<-'NFT'
		table inet kube {
			chain prerouting {
				type filter hook prerouting priority -150
				iifname r0 meta mark set mark or 0x4000
			}
			chain input {
				type filter hook input priority 0
				meta mark & 0x8000 != 0 drop
			}
			chain postrouting {
				type filter hook postrouting priority 90
				meta mark set mark and 0xffffbfff
			}
		}
	NFT
}

prepare nginx dns
ok "the relay starts" relay_start
snapshot_quick >"$WORK/clean"

works() { # NAME
	bypass_reset
	ok "$1: TCP" steering $SERVER4 $SERVER6 $EXTRA4 $EXTRA6
	is "$1: UDP" "$(dig_at $SERVER4 test.tproxy A) $(dig_at $SERVER6 test.tproxy A)" \
		"10.77.2.200 10.77.2.200"
	bypass_none "$1: no packet went past the relay"
}

nothing_changed() { # DESCRIPTION FILE
	snapshot_quick >"$WORK/now"
	same_text "$1" "$2" "$WORK/now"
}

ok "rules as of Tailscale" tailscale_rules
ok "rules as of wg-quick" wg_quick_rules
ok "marks as of kube-proxy" kube_marks
r sysctl -qw net.ipv4.conf.all.src_valid_mark=1
snapshot_quick >"$WORK/before"
do_ok "attach beside all of them" loader attach r0 --ports 80,udp/53
works "with all of them"
# a destination that only the tunnel's table knows
r ip route del 10.77.3.0/24
r ip -6 route del fd77:3::/64
works "routed by the tunnel's table"
r ip route add 10.77.3.0/24 via $SERVER4
r ip route add fd77:3::/64 via $SERVER6
do_ok "detach" loader detach --all
nothing_changed "their rules are as before" "$WORK/before"

# routes that a rule gives to some ports only
both pref 1000 ipproto tcp dport 80 lookup 1080
r ip route del 10.77.3.0/24
r ip -6 route del fd77:3::/64
r ip -4 rule del pref 32765
r ip -6 rule del pref 32765
r ip route add 10.77.3.0/24 via $SERVER4 table 1080
r ip -6 route add fd77:3::/64 via $SERVER6 table 1080
do_ok "attach" loader attach r0 --ports 80,udp/53
ok "flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset
for to in $EXTRA4 $EXTRA6; do
	like "a destination routed by its port: $to" "$(whoami_at "$to")" .
done
bypass_none "did not go past the relay"
do_ok "detach" loader detach --all
r ip route add 10.77.3.0/24 via $SERVER4
r ip route add fd77:3::/64 via $SERVER6

for family in -4 -6; do
	r ip "$family" rule add pref 700 fwmark 0x1000000/0xff000000 lookup 700
	snapshot_quick >"$WORK/before"
	refuses "ip $family: a rule with our mark is refused" 1 'mark 0x1000000.*rule 700.*--mark' \
		loader attach r0 --ports 80
	nothing_changed "ip $family: nothing has changed" "$WORK/before"
	do_ok "ip $family: another mark" loader attach r0 --ports 80,udp/53 --mark 0x2000000
	like "ip $family: it is in the rule" "$(r ip rule)" 'fwmark 0x2000000/0x2000000 iif r0 lookup 15001'
	works "ip $family: with another mark"
	do_ok "ip $family: detach" loader detach --all
	nothing_changed "ip $family: and nothing is left" "$WORK/before"
	r ip "$family" rule del pref 700
done

for family in -4 -6; do
	r ip "$family" route add default dev r1 table 15001
	snapshot_quick >"$WORK/before"
	refuses "ip $family: foreign routes in our table are refused" 1 'table 15001.*--table' \
		loader attach r0 --ports 80
	nothing_changed "ip $family: nothing has changed" "$WORK/before"
	do_ok "ip $family: another table" loader attach r0 --ports 80,udp/53 --table 15077
	works "ip $family: with another table"
	do_ok "ip $family: detach" loader detach --all
	nothing_changed "ip $family: and nothing is left" "$WORK/before"
	r ip "$family" route flush table 15001
done
finish
