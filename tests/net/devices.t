#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Interception on the kinds of devices that this kernel has, with and without Ethernet headers. A
# device that would not work is refused, with the one to attach instead. Names with dots, and
# globs.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/devices.sh
. "$TOP/tests/lib/devices.sh"

devices_prepare
intercepts veth r0

if r ip tuntap add mode tun name t0 2>"$WORK/device"; then
	c ip tuntap add mode tun name t1
	addresses "$ROUTER" t0 5 1
	addresses "$CLIENT" t1 5 2
	serve_run tunnel "$ROUTER" python3 "$LIB/corner.py" tunnel "/run/netns/$ROUTER" t0 \
		"/run/netns/$CLIENT" t1
	ok "the tunnel is up" wait_for 10 grep -q up "$WORK/log/tunnel"
	client_by t1 5
	intercepts "tun, no Ethernet header" t0
	client_by c0 1
else
	tap_result 0 "tun # SKIP the kernel has none: $(head -n 1 "$WORK/device")"
fi

if device macvlan link r0 name mv0 type macvlan mode bridge; then
	addresses "$ROUTER" mv0 6 1
	c ip addr add 10.77.6.2/24 dev c0
	c ip addr add fd77:6::2/64 dev c0 nodad
	r sysctl -qw net.ipv4.conf.all.arp_ignore=1
	client_by c0 6
	intercepts macvlan mv0
	like "attach warned of its parent" "$(warned mv0)" ' r0, .*arp_ignore'
	try loader attach r0 --ports 80
	like "attach of the parent warns of the child" "$(warned r0)" 'macvlan mv0 .*attach mv0'
	do_ok "detach" loader detach --all
	try loader attach r0 mv0 --ports 80
	unlike "with both attached there is nothing to warn of" "$ERR" 'warning: (r0|mv0)'
	do_ok "detach" loader detach --all
	client_by c0 1
	r ip link del mv0
fi

for kind in dummy ifb nlmon vrf netkit ipvlan; do
	case $kind in
	vrf) more=(table 77) ;;
	*) more=() ;;
	esac
	if [[ $kind == ipvlan ]]; then
		device $kind link r0 name dev0 type ipvlan
	else
		device $kind dev0 type $kind "${more[@]}"
	fi || continue
	snapshot_quick >"$WORK/before"
	refuses "$kind is refused" 1 '^tproxy-loader: dev0: ' loader attach dev0 --ports 80
	snapshot_quick >"$WORK/now"
	same_text "$kind: nothing has changed" "$WORK/before" "$WORK/now"
	r ip link del dev0
done
refuses "lo is refused" 1 '^tproxy-loader: lo: ' loader attach lo --ports 80
refuses "a device that is not there is refused" 1 'nodev: no such interface' loader attach nodev --ports 80
refuses "one bad device of two is refused" 1 '^tproxy-loader: lo: ' loader attach r0 lo --ports 80
is "and the other is not attached" \
	"$(r python3 "$LIB/net.py" attached r0 | tr -d 'no\-hk ')$(r tc filter show dev r0 ingress)" ""

r ip link add br0 type bridge forward_delay 0
r ip addr flush dev r0
addresses "$ROUTER" br0 1 1
r ip link set r0 master br0
refuses "a bridge port is refused, and the bridge named" 1 '^tproxy-loader: r0: .*attach br0' \
	loader attach r0 --ports 80
intercepts bridge br0
r ip link del br0

r ip link set r0 down
r ip link set r0 name r0.10
addresses "$ROUTER" r0.10 1 1
intercepts "a name with a dot" r0.10

do_ok "attach by a glob" loader attach 'r*' --ports 80,udp/7007
like "the glob took both" "$(loader status --json | json_value \
	"' '.join(sorted(i['name'] for i in o['interfaces']))")" '^r0.10 r1$'
answered "a glob"
do_ok "a glob that matches nothing is no error" loader attach 'zz*'
do_ok "detach" loader detach --all
finish
