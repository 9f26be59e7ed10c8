#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Interception on VLANs, also nested, on a bond and on a VLAN of a bond. Tagged packets belong to
# the VLAN device, not to its parent. A member of a bond is refused, and the message names the
# bond.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/devices.sh
. "$TOP/tests/lib/devices.sh"

devices_prepare

if device VLAN link r0 name r0.100 type vlan id 100; then
	c ip link add link c0 name c0.100 type vlan id 100
	link_of 7 r0.100 c0.100
	intercepts VLAN r0.100
	untouched "a VLAN, with its parent attached" r0
	like "which attach warned of" "$(warned r0)" 'VLAN r0\.100 .*attach r0\.100'

	r ip link add link r0.100 name r0.100.5 type vlan id 5
	c ip link add link c0.100 name c0.100.5 type vlan id 5
	link_of 8 r0.100.5 c0.100.5
	intercepts "a VLAN in a VLAN" r0.100.5
	untouched "a VLAN in a VLAN, with the outer one attached" r0.100
	client_by c0 1
	r ip link del r0.100
	c ip link del c0.100
fi

if device QinQ link r0 name r0s type vlan proto 802.1ad id 200; then
	c ip link add link c0 name c0s type vlan proto 802.1ad id 200
	r ip link add link r0s name r0s.5 type vlan id 5
	c ip link add link c0s name c0s.5 type vlan id 5
	r ip link set r0s up
	c ip link set c0s up
	link_of 9 r0s.5 c0s.5
	intercepts QinQ r0s.5
	untouched "QinQ, with the service VLAN attached" r0s
	client_by c0 1
	r ip link del r0s
	c ip link del c0s
fi

if device bond name bond0 type bond mode active-backup miimon 100; then
	r ip link set r0 down
	r ip addr flush dev r0
	r ip link set r0 master bond0
	addresses "$ROUTER" bond0 1 1
	client_by c0 1
	refuses "a bond's slave is refused, and the bond named" 1 '^tproxy-loader: r0: .*attach bond0' \
		loader attach r0 --ports 80
	intercepts bond bond0
	if device "a bond's VLAN" link bond0 name bond0.100 type vlan id 100; then
		c ip link add link c0 name c0.100 type vlan id 100
		link_of 7 bond0.100 c0.100
		intercepts "a bond's VLAN" bond0.100
		untouched "a bond's VLAN, with the bond attached" bond0
		client_by c0 1
	fi
fi
finish
