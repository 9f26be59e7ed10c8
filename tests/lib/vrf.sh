# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Interfaces of the router as members of a VRF. Needs test.sh.

# vrf_make NAME — makes it, and counts what bypasses the proxy (past_watch); skips without VRFs
vrf_make() {
	r ip link add "$1" type vrf table 77 2>/dev/null || skip_inside "the kernel has no VRF"
	r ip link set "$1" up
	past_watch
}

# master DEVICE VRF, nomaster DEVICE — and restores the IPv6 addresses, which the kernel removes
master() { r ip link set "$1" master "$2" && addresses_again "$1"; }
nomaster() { r ip link set "$1" nomaster && addresses_again "$1"; }
addresses_again() {
	case $1 in
	r0) r ip -6 addr replace "$GATE6/64" dev r0 nodad ;;
	r1) r ip -6 addr replace "$ROUTER6/64" dev r1 nodad ;;
	esac
}
