#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# An attached interface is deleted and made again. The loader copes with it and leaves nothing
# behind.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 r1 --ports 80
ok "flows go through the relay" steering $SERVER4 $SERVER6

recreate() {
	ip -n "$CLIENT" link add c0 type veth peer name r0 netns "$ROUTER" &&
		topo_address "$CLIENT" c0 "$CLIENT4"/24 "$CLIENT6"/64 &&
		topo_address "$ROUTER" r0 "$GATE4"/24 "$GATE6"/64 &&
		ip -n "$CLIENT" route add default via "$GATE4" &&
		ip -n "$CLIENT" route add default via "$GATE6" && wait_for 10 topo_settled
}

ok "link down and up" r ip link set r0 down
r ip link set r0 up
r ip -6 addr add $GATE6/64 dev r0 nodad
wait_for 10 topo_settled
ok "does not end it" steering $SERVER4 $SERVER6

r ip link del r0
try loader status
is "status works with the interface gone, and is not content" $RC 4
like "it says why" "$OUT" '! r0: the device is gone'
ok "the interface is made again" recreate
do_ok "attach the new one" loader attach r0 --ports 80
ok "flows go through the relay" steering $SERVER4 $SERVER6

r ip link del r0
do_ok "detach --all with the interface gone" loader detach --all
ok "the interface is made again" recreate
ok "flows go straight" direct $SERVER4
is "no pin is left" "$(find /sys/fs/bpf -mindepth 1 -not -name '*.debug')" ""
is "no rule is left" "$(r ip rule | grep -c 'r0\|r1\|15001') $(r ip -6 rule | grep -c 'r0\|r1\|15001')" "0 0"
is "no route is left" "$(r ip route show table 15001 2>/dev/null)$(r ip -6 route show table 15001 2>/dev/null)" ""
do_ok "attach again" loader attach r0 --ports 80
ok "flows go through the relay" steering $SERVER4 $SERVER6
do_ok "detach --all" loader detach --all
is "no pin is left" "$(find /sys/fs/bpf -mindepth 1 -not -name '*.debug')" ""
finish
