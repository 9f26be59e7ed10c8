#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# doctor finds what routing and sysctls of the host do to flows, its cures mend it, and settings
# that do no harm are no problem.
TEST_LIMIT=900
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/schema.sh
. "$LIB/schema.sh"
# shellcheck source=tests/lib/doctor.sh
. "$LIB/doctor.sh"

defaults() { # ADDRESS4 ADDRESS6
	r ip route replace default via "$1" && r ip -6 route replace default via "$2"
}
relayed() { steering "$SERVER4" "$SERVER6"; }

prepare nginx dns
defaults $SERVER4 $SERVER6
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,443,udp/53
ok "flows go through the relay" relayed
healthy "at first"
like "QUIC passes: no problem, but it says so" \
	"$(json_value "[c['evidence'] for c in o['checks'] if c['id'] == 'quic'][0]" <"$DOCTOR_JSON")" 'QUIC'

# ---- our table ----

fault table-shared r ip route add 10.77.3.0/24 via $SERVER4 table 15001
cure
fault table-shared r ip -6 route add fd77:3::/64 via $SERVER6 dev r1 table 15001
cure
ok "flows go through the relay" relayed

# ---- forwarding ----

fault forwarding-off r sysctl -qw net.ipv4.ip_forward=0
cure
fault forwarding-off r sysctl -qw net.ipv4.conf.r0.forwarding=0
cure
fault forwarding-off r sysctl -qw net.ipv6.conf.all.forwarding=0
cure
r ip -6 route del default
r sysctl -qw net.ipv6.conf.all.forwarding=0
healthy "IPv6 is not routed at all"
r sysctl -qw net.ipv6.conf.all.forwarding=1
defaults $SERVER4 $SERVER6

# ---- one arm ----

fault icmp-redirects r ip route replace default via $CLIENT4
cure
r sysctl -qw net.ipv4.conf.all.send_redirects=1 net.ipv4.conf.r0.send_redirects=1
r ip route replace default via $SERVER4
r ip -6 route replace default via $CLIENT6
healthy "IPv6 redirects name link-local routers only"
link_local=$(c ip -6 -o addr show dev c0 scope link | sed 's/.*inet6 \([^/]*\).*/\1/')
fault icmp-redirects r ip -6 route replace default via "$link_local" dev r0
cure
redirects6() { # a ping that must go back by the same interface
	c python3 - "$CLIENT6" <<-'PY'
		import socket, struct, sys, time
		seen = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
		seen.settimeout(1.5)
		ping = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
		ping.sendto(struct.pack("!BBHHH", 128, 0, 0, 7, 1), ("2001:db8::99", 0))
		end = time.time() + 1.5
		try:
		    while time.time() < end:
		        if seen.recv(2048)[0] == 137:
		            print("redirect")
		            sys.exit(0)
		except socket.timeout:
		    pass
		print("none")
	PY
}
is "no redirect is sent" "$(redirects6)" none
r nft delete table ip6 tproxy_redirect
is "without the cure it is" "$(redirects6)" redirect
defaults $SERVER4 $SERVER6
c ip -6 route flush cache
healthy "two arms"

# ---- the way back ----

asymmetric() {
	loader rule add far --ports 22 --from 10.50.0.0/16 --before default &&
		r ip route add 10.50.0.0/16 via "$SERVER4" && r sysctl -qw net.ipv4.conf.r0.rp_filter=1
}
fault rp-filter asymmetric
like "the cure" "$(doctor_next rp-filter)" '^sysctl -w net/ipv4/conf/r0/rp_filter=2; '
cure
r sysctl -qw net.ipv4.conf.r0.rp_filter=0
r ip route del 10.50.0.0/16
loader rule del far
# each way to filter by the source, with the sysctl that breaks other transparent proxies
for mode in 0 1 2; do
	r sysctl -qw net.ipv4.conf.all.src_valid_mark=1 net.ipv4.conf.r0.src_valid_mark=1 \
		net.ipv4.conf.r0.rp_filter=$mode
	ok "src_valid_mark=1, rp_filter=$mode: flows go through the relay" relayed
	healthy "src_valid_mark=1, rp_filter=$mode"
done
r sysctl -qw net.ipv4.conf.all.src_valid_mark=0 net.ipv4.conf.r0.src_valid_mark=0 \
	net.ipv4.conf.r0.rp_filter=0

# the rule of a classic recipe names no interface
classic() {
	r sysctl -qw net.ipv4.conf.all.src_valid_mark=1 &&
		r ip rule add pref 1000 fwmark 0x1000000/0x1000000 lookup 15001
}
fault src-valid-mark classic
like "the cure" "$(doctor_next src-valid-mark)" '^ip -4 rule del pref 1000; '
cure
ok "flows go through the relay again" relayed
r sysctl -qw net.ipv4.conf.all.src_valid_mark=0

# ---- IPv6 and QUIC ----

fault ipv6-leak loader cidr del ::/0
cure
loader cidr del ::/0
r sysctl -qw net.ipv6.conf.all.forwarding=0
healthy "IPv6 does not leak where it is not forwarded"
r sysctl -qw net.ipv6.conf.all.forwarding=1
loader cidr add ::/0

loader port del tcp/443
fault quic-passes loader rule add web --ports 443 --action drop
cure
loader rule del web

for action in pass audit; do
	do_ok "HTTPS is only let through: $action" loader rule add web --ports 443 --action $action --before default
	healthy "$action: QUIC is no problem"
	loader rule del web
done
refuse() { # ACTION OTHER — HTTPS is refused, and QUIC is left to that action
	loader rule add web --ports 443 --action "$1" --before default &&
		loader rule add quic --ports udp/443 --action "$2" --before default
}
fault quic-passes refuse reset audit
cure eval "cured && loader rule del quic"
loader rule del web
do_ok "refused both" refuse drop reset
healthy "both are refused"
loader rule del web
loader rule del quic

fault dns-tcp-passes loader rule add dns --ports udp/53 --action drop --before default
cure
loader rule del dns
few() { # the other protocol is refused for some of the clients only
	loader rule add dns --ports udp/53 --action drop --before default &&
		loader rule add few --ports 53 --from 10.77.1.0/25 --action drop --before default
}
fault dns-tcp-passes few
cure eval "cured && loader rule del few"
loader rule del dns
healthy "DNS of the proxy: no problem"
like "but it says so" "$(json_value "[c['evidence'] for c in o['checks'] if c['id'] == 'dns'][0]" <"$DOCTOR_JSON")" \
	'DNS over TCP'

# ---- after a reboot ----

persistent() { json_value "[c['evidence'] for c in o['checks'] if c['id'] == 'persistent'][0]" <"$DOCTOR_JSON"; }
mkdir -p /run/systemd/system "$WORK/units/multi-user.target.wants" "$WORK/no-units"
mkdir -p /etc/systemd/system && mount --bind "$WORK/units" /etc/systemd/system
for dir in /usr/local/lib/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
	[[ ! -e $dir/multi-user.target.wants/tproxy-loader.service ]] || mount --bind "$WORK/no-units" $dir
done
healthy "the unit is not enabled"
like "a note says so" "$(persistent)" '^not-persistent: .*systemctl enable tproxy-loader'
ok "which is explained" loader doctor --explain not-persistent
ln -s "$WORK/no-unit" "$WORK/units/multi-user.target.wants/tproxy-loader.service"
healthy "a link that leads nowhere"
like "does not count" "$(persistent)" '^not-persistent: '
: >"$WORK/no-unit"
healthy "the unit is enabled"
is "that is all" "$(persistent)" "the unit is enabled"
umount /etc/systemd/system

# ---- systemd-networkd ----

mkdir -p "$WORK/etc/systemd"
mount --bind "$WORK/etc/systemd" /etc/systemd
cp /bin/sleep "$WORK/systemd-networkd"
"$WORK/systemd-networkd" 1000 &
elsewhere=$!
healthy "networkd of another namespace is no matter"
networkd() {
	nsenter --net="/run/netns/$ROUTER" -- "$WORK/systemd-networkd" 1000 &
	NETWORKD=$!
	wait_for 5 grep -q systemd-network "/proc/$NETWORKD/comm"
}
fault networkd-rules networkd
cure
printf '[Network]\nManageForeignRoutingPolicyRules=yes\n' >/etc/systemd/networkd.conf.d/zz.conf
ok "a later drop-in wins" doctor_finds networkd-rules
rm /etc/systemd/networkd.conf.d/*
printf '[Network]\nManageForeignRoutingPolicyRules=0\n[Other]\nManageForeignRoutingPolicyRules=1\n' \
	>/etc/systemd/networkd.conf
healthy "the main file is read, too"
stop "$NETWORKD"
stop $elsewhere

# ---- bridges ----

if [[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]] || modprobe -q br_netfilter 2>/dev/null; then
	try loader detach --all
	bridged() {
		r ip link add br0 type bridge && r ip link set br0 up && r ip link set r0 master br0 &&
			r ip addr del "$GATE4/24" dev r0 && r ip addr del "$GATE6/64" dev r0 &&
			r ip addr add "$GATE4/24" dev br0 && r ip addr add "$GATE6/64" dev br0 nodad
	}
	ok "the clients are on a bridge" bridged
	r sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1
	do_ok "attach the bridge" loader attach br0 --ports 80,udp/53
	ok "br_netfilter: flows go through the relay" relayed
	healthy "br_netfilter"
fi
finish
