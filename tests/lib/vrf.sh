# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The router's interfaces as members of a VRF.

# vrf_make NAME — and what has gone out by r1 unproxied is counted, see vrf_past; skips without VRFs
vrf_make() {
	r ip link add "$1" type vrf table 77 2>/dev/null || skip_inside "the kernel has no VRF"
	r ip link set "$1" up
	# in a VRF the forward hook sees the VRF as the packet's input
	r nft -f - <<-'NFT'
		table inet vrf {
			counter past { }
			chain forward {
				type filter hook forward priority 1
				oifname r1 meta l4proto { tcp, udp } counter name past
			}
		}
	NFT
}
vrf_past() { packets r inet vrf past; }
vrf_past_reset() { r nft reset counters table inet vrf >/dev/null; }

# master DEVICE VRF, nomaster DEVICE — the kernel takes the IPv6 addresses away
master() { r ip link set "$1" master "$2" && addresses_again "$1"; }
nomaster() { r ip link set "$1" nomaster && addresses_again "$1"; }
addresses_again() {
	case $1 in
	r0) r ip -6 addr replace "$GATE6/64" dev r0 nodad ;;
	r1) r ip -6 addr replace "$ROUTER6/64" dev r1 nodad ;;
	esac
}
