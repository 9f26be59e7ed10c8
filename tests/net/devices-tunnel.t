#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Interception on tunnels, with and without Ethernet headers inside.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/devices.sh
. "$TOP/tests/lib/devices.sh"

devices_prepare

tunnel intercepts ipip 4 ipip local $GATE4 remote $CLIENT4 -- ipip local $CLIENT4 remote $GATE4
tunnel intercepts sit 46 sit mode any local $GATE4 remote $CLIENT4 -- sit mode any local $CLIENT4 remote $GATE4
tunnel intercepts gre 46 gre local $GATE4 remote $CLIENT4 -- gre local $CLIENT4 remote $GATE4
tunnel intercepts gretap 46 gretap local $GATE4 remote $CLIENT4 -- gretap local $CLIENT4 remote $GATE4
tunnel intercepts ip6tnl 46 ip6tnl mode any local $GATE6 remote $CLIENT6 -- ip6tnl mode any local $CLIENT6 remote $GATE6
tunnel intercepts ip6gre 46 ip6gre local $GATE6 remote $CLIENT6 -- ip6gre local $CLIENT6 remote $GATE6
tunnel intercepts vxlan 46 vxlan id 7 dstport 4789 local $GATE4 remote $CLIENT4 -- \
	vxlan id 7 dstport 4789 local $CLIENT4 remote $GATE4
tunnel intercepts geneve 46 geneve id 7 remote $CLIENT4 -- geneve id 7 remote $GATE4

if wireguard; then
	intercepts WireGuard wg7
fi
finish
