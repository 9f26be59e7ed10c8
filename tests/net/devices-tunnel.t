#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Interception on tunnels, with and without Ethernet headers inside.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/devices.sh
. "$TOP/tests/lib/devices.sh"

devices_prepare

# tunnel NAME FAMILIES ROUTERS-ARGS… -- CLIENTS-ARGS…
tunnel() {
	local name=$1 families=$2 mine=()
	shift 2

	while [[ $1 != -- ]]; do
		mine+=("$1")
		shift
	done
	shift
	device "$name" name tun7 type "${mine[@]}" || return 0
	c ip link add name tun7 type "$@"
	link_of 7 tun7 tun7
	intercepts "$name" tun7 "$families"
	client_by c0 1
	r ip link del tun7
	c ip link del tun7
}

tunnel ipip 4 ipip local $GATE4 remote $CLIENT4 -- ipip local $CLIENT4 remote $GATE4
tunnel sit 46 sit mode any local $GATE4 remote $CLIENT4 -- sit mode any local $CLIENT4 remote $GATE4
tunnel gre 46 gre local $GATE4 remote $CLIENT4 -- gre local $CLIENT4 remote $GATE4
tunnel gretap 46 gretap local $GATE4 remote $CLIENT4 -- gretap local $CLIENT4 remote $GATE4
tunnel ip6tnl 46 ip6tnl mode any local $GATE6 remote $CLIENT6 -- ip6tnl mode any local $CLIENT6 remote $GATE6
tunnel ip6gre 46 ip6gre local $GATE6 remote $CLIENT6 -- ip6gre local $CLIENT6 remote $GATE6
tunnel vxlan 46 vxlan id 7 dstport 4789 local $GATE4 remote $CLIENT4 -- \
	vxlan id 7 dstport 4789 local $CLIENT4 remote $GATE4
tunnel geneve 46 geneve id 7 remote $CLIENT4 -- geneve id 7 remote $GATE4

# wireguard NS DEVICE KEY PEER-KEY PORT ENDPOINT
wireguard() {
	nsenter --net="/run/netns/$1" wg set "$2" private-key "$WORK/$3" listen-port "$5" \
		peer "$(wg pubkey <"$WORK/$4")" allowed-ips 0.0.0.0/0,::/0 endpoint "$6"
}

if ! command -v wg >/dev/null; then
	tap_result 0 "WireGuard # SKIP wg is not installed (scripts/deps installs it)"
elif device WireGuard name wg7 type wireguard; then
	c ip link add wg7 type wireguard
	(umask 077 && wg genkey >"$WORK/wg-r" && wg genkey >"$WORK/wg-c")
	wireguard "$ROUTER" wg7 wg-r wg-c 51820 "$CLIENT4:51820"
	wireguard "$CLIENT" wg7 wg-c wg-r 51820 "$GATE4:51820"
	link_of 7 wg7 wg7
	intercepts WireGuard wg7
fi
finish
