#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Kinds of interfaces that work: doctor finds no error and no warning on a bridge, VLAN, bond, tunnel
# or VRF member, nor where a family is missing.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/schema.sh
. "$LIB/schema.sh"
# shellcheck source=../lib/doctor.sh
. "$LIB/doctor.sh"
# shellcheck source=../lib/devices.sh
. "$LIB/devices.sh"

# well NAME DEVICE [FAMILIES [ARG…]] — attach it: flows are relayed and doctor finds nothing
well() {
	local -a to

	read -ra to < <(servers "${3:-46}" | xargs)
	do_ok "$1: attach $2" loader attach "$2" --ports 80,udp/7007 "${@:4}"
	healthy "$1: before a flow"
	ok "$1: flows go through the relay" steering "${to[@]}"
	cpy udp-who "${to[0]}" 7007 >/dev/null
	healthy "$1"
	do_ok "$1: detach" loader detach --all
}

devices_prepare

# ---- families ----

r sysctl -qw net.ipv6.conf.r0.disable_ipv6=1
well "without IPv6" r0 4
r sysctl -qw net.ipv6.conf.r0.disable_ipv6=0
well "only link-local IPv6" r0 4
r ip -6 address add $GATE6/64 dev r0 nodad
r ip address del $GATE4/24 dev r0
well "without IPv4" r0 6
r ip address add $GATE4/24 dev r0
well "both families" r0

# ---- tunnels ----

tunnel well ipip 4 ipip local $GATE4 remote $CLIENT4 -- ipip local $CLIENT4 remote $GATE4
tunnel well gre 46 gre local $GATE4 remote $CLIENT4 -- gre local $CLIENT4 remote $GATE4
tunnel well vxlan 46 vxlan id 7 dstport 4789 local $GATE4 remote $CLIENT4 -- \
	vxlan id 7 dstport 4789 local $CLIENT4 remote $GATE4

if wireguard; then
	well WireGuard wg7
	client_by c0 1
	r ip link del wg7
	c ip link del wg7
fi

# openvpn makes the same device: without a link-layer header, and a program at its other end
if command -v openvpn >/dev/null && [[ -c /dev/net/tun ]]; then
	openvpn --genkey secret "$WORK/key"
	vpn() { # NS OWN PEER INNER OUTER
		serve_run "openvpn-$1" "$1" openvpn --dev vpn7 --dev-type tun --proto udp --port 1194 \
			--local "$2" --remote "$3" --ifconfig "$4" "$5" --secret "$WORK/key" \
			--cipher AES-256-CBC --ping 1
	}
	vpn "$ROUTER" $GATE4 $CLIENT4 10.88.0.1 10.88.0.2
	vpn "$CLIENT" $CLIENT4 $GATE4 10.88.0.2 10.88.0.1
	ok "the tunnel is up" wait_for 30 c ping -qc 1 -W 1 10.88.0.1
	ok "and the way of the client" c ip route replace $SERVER4/32 dev vpn7
	well tun vpn7 4
	c ip route del $SERVER4/32 dev vpn7
fi

# ---- VLAN, VRF ----

if device VLAN link r0 name r0.100 type vlan id 100; then
	c ip link add link c0 name c0.100 type vlan id 100
	link_of 7 r0.100 c0.100
	well VLAN r0.100
	client_by c0 1
	well "a trunk with an address, beside a VLAN" r0
	r ip link del r0.100
	c ip link del c0.100
fi

again6() { # the kernel takes IPv6 addresses away when the VRF changes
	r ip -6 address replace "$GATE6/64" dev r0 nodad && r ip -6 address replace "$ROUTER6/64" dev r1 nodad
}
if device VRF blue type vrf table 77; then
	relay_stop
	r ip link set blue up
	r ip link set r0 master blue
	r ip link set r1 master blue
	again6
	ok "a relay for the VRF" relay_start --device r0
	well VRF r0 46 --proxy 15002
	relay_stop
	r ip link set r0 nomaster
	r ip link set r1 nomaster
	again6
	ok "the relay starts" relay_start
fi

# ---- ports ----

r ip link add br0 type bridge forward_delay 0
r ip address flush dev r0
r ip link set r0 master br0
addresses "$ROUTER" br0 1 1
ok "the bridge forwards" wait_for 20 straight $SERVER4
ok "IPv6, too" wait_for 20 straight $SERVER6
well bridge br0
modprobe br_netfilter 2>/dev/null
if r sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1 2>/dev/null; then
	well "a bridge with br_netfilter" br0
fi
r ip link del br0
if device bond name bond0 type bond mode active-backup miimon 100; then
	r ip link set r0 down
	r ip link set r0 master bond0
	addresses "$ROUTER" bond0 1 1
	ok "the bond forwards" wait_for 20 straight $SERVER4
	well bond bond0
fi
finish
