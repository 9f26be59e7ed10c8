#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Faults of attached interfaces: down, moved, enslaved, of another kind, with a new address family,
# behind programs of others. doctor names each by its id and no other, and its cure mends it.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/schema.sh
. "$LIB/schema.sh"
# shellcheck source=../lib/doctor.sh
. "$LIB/doctor.sh"
# shellcheck source=../lib/foreign.sh
. "$LIB/foreign.sh"

relayed() { steering "$SERVER4" "$SERVER6"; }
index_of() { r ip -o link show "$1" | cut -d: -f1; } # IF
pair() { # [index N] — r2, whose other end is c2 of the client
	r ip link add r2 "$@" type veth peer name c2 netns "$CLIENT" && r ip link set r2 up &&
		c ip link set c2 up
}

prepare nginx dns
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,udp/53
ok "flows go through the relay" relayed
healthy "at first"

# ---- links ----

r sysctl -qw net.ipv6.conf.r0.keep_addr_on_down=1
fault device-down r ip link set r0 down
cure
ok "flows go through the relay" relayed

renamed() { r ip link set "$1" down && r ip link set "$1" name "$2" && r ip link set "$2" up; }
FAULT_ALSO=rule-missing # the rules name the old name
fault renamed renamed r0 q0
cure
fault renamed renamed q0 r0
cure
FAULT_ALSO=
ok "flows go through the relay" relayed

ok "a bridge" r ip link add br0 type bridge
ok "is up" r ip link set br0 up
bridged() {
	r ip link set r0 master br0 && r ip address flush dev r0 scope global &&
		topo_address "$ROUTER" br0 "$GATE4/24" "$GATE6/64"
}
fault enslaved bridged
cure
ok "flows go through the relay" relayed
loader -q detach --all
r ip link del br0
ok "the address is back" topo_address "$ROUTER" r0 "$GATE4/24" "$GATE6/64"
do_ok "attach" loader attach r0 --ports 80,udp/53
ok "flows go through the relay" relayed
healthy "without the bridge"

ok "another interface" pair
do_ok "attach it" loader attach r2
index=$(index_of r2)
FAULT_ALSO=program-missing # it went with the veth device
another_kind() {
	r ip link del r2 && for kind in ifb dummy; do
		r ip link add r2 index "$index" type "$kind" && break
	done && r ip link set r2 up
}
fault unfit-device another_kind
FAULT_ALSO=
cure
r ip link del r2

ok "another interface" pair
do_ok "attach it" loader attach r2
to_client() { ip -n "$ROUTER" link set r2 netns "$CLIENT"; }
if [[ -e $PINS/links/$(index_of r2) ]]; then
	fault moved to_client
	cure
else # without tcx there is no link that shows where it is
	fault device-gone to_client
	cure
fi
c ip link del r2

# ---- families ----

no_ipv6() {
	loader -q detach --all && r sysctl -qw net.ipv6.conf.r0.disable_ipv6=1 &&
		loader attach r0 --ports 80,udp/53
}
ok "an interface without IPv6" no_ipv6
healthy "without IPv6"
fault ipv6-half r sysctl -qw net.ipv6.conf.r0.disable_ipv6=0
cure
ok "with its address" r ip -6 address replace "$GATE6/64" dev r0 nodad
ok "flows go through the relay" relayed

# ---- builds ----

older_build() { # it is the sixth number
	local bytes

	read -r -a bytes < <(bpftool -j map dump pinned "$PINS/config" | python3 -c '
import json, sys
print(" ".join(json.load(sys.stdin)[0]["value"]))')
	bytes[20]=$(printf '0x%02x' $((bytes[20] ^ 1)))
	bpftool map update pinned "$PINS/config" key 0 0 0 0 value "${bytes[@]}"
}
fault other-build older_build
cure
ok "flows go through the relay" relayed

# ---- programs of others ----

echo 'SEC("xdp") int look(void *ctx) { return 2; }' | foreign_build look
ok "an XDP program" bpftool prog load "$WORK/look.o" /sys/fs/bpf/look
fault earlier-program r ip link set r0 xdpgeneric pinned /sys/fs/bpf/look
cure
r ip link set r0 xdpgeneric off
healthy "without it"

# ---- answers to audited flows ----

do_ok "a rule that audits" loader rule add seen --action audit --ports 7007
healthy "with a rule that audits"
index=$(index_of r0)
egress_gone() {
	if [[ -e $PINS/links/${index}_egress ]]; then
		rm "$PINS/links/${index}_egress"
	else
		r tc filter del dev r0 egress
	fi
}
fault egress-missing egress_gone
cure
loader rule del seen

# ---- the side of the servers ----

loader -q detach --all
do_ok "attach" loader attach r1 --ports 80
healthy "before the first flow"
wrong_side() { direct "$SERVER4" && direct "$SERVER6"; }
fault wrong-interface wrong_side
right_side() { loader attach r0 && relayed; }
cure right_side
loader -q detach --all
finish
