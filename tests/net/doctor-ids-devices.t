#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Faults with VRFs and VLANs, which not every kernel has: doctor names each by its id, and its cure
# mends it.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/schema.sh
. "$LIB/schema.sh"
# shellcheck source=../lib/doctor.sh
. "$LIB/doctor.sh"
# shellcheck source=../lib/vrf.sh
. "$LIB/vrf.sh"

relayed() { steering "$SERVER4" "$SERVER6"; }

prepare nginx
r ip link add blue type vrf table 77 2>/dev/null || skip_inside "the kernel has no VRF"

# ---- a VRF ----

r ip link set blue up
ok "a member" master r0 blue
ok "and another one" master r1 blue
ok "a relay for it" relay_start --device r0
do_ok "attach" loader attach r0 --ports 80 --proxy 15002
ok "flows go through the relay" relayed
healthy "in a VRF"
left() { nomaster r0 && nomaster r1; }
FAULT_ALSO=rule-missing # the IPv6 rule of a member names its VRF
fault vrf-changed left
FAULT_ALSO=
cure
relay_stop # its own connections are in the VRF
ok "a relay outside the VRF" relay_start --device r0
ok "flows go through the relay" relayed

# ---- a VLAN ----

relay_stop
do_ok "detach" loader detach --all
ok "a relay for all devices" relay_start
do_ok "attach" loader attach r0 --ports 80
ok "flows go through the relay" relayed
trunk() {
	r ip link add r2 type veth peer name c2 netns "$CLIENT" &&
		r ip link set r2 up && c ip link set c2 up &&
		r ip link add link r2 name r2.7 type vlan id 7 &&
		c ip link add link c2 name c2.7 type vlan id 7 &&
		r ip address add 10.77.7.1/24 dev r2.7 && r ip link set r2.7 up &&
		c ip address add 10.77.7.2/24 dev c2.7 && c ip link set c2.7 up &&
		loader attach r2 && wait_for 10 c ping -c 1 -W 1 10.77.7.1
}
fault vlan-not-attached trunk
cure
finish
