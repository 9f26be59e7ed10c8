#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Interception on the kinds of devices this kernel has, with Ethernet headers and without; a device
# that would not work is refused, with the one to attach instead; names with dots and globs.
. "$(dirname "$0")/../lib/test.sh"

corner() { c python3 "$LIB/corner.py" "$@"; }

answered() { # NAME
	bypass_reset
	ok "$1: flows go through the relay" steering $SERVER4 $SERVER6
	is "$1: UDP too" "$(cpy udp-who $SERVER4 7007) $(cpy udp-who $SERVER6 7007)" \
		"$ROUTER4 other-port $ROUTER6 other-port"
	is "$1: and fragments" "$(cpy udp $SERVER4 7007 4000 1) $(cpy udp $SERVER6 7007 4000 1)" "1 1"
	is "$1: no packet of these went past" "$(past)" 0
}

# forwarded from any device of the client's side
past() { r nft list counter inet devs past | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }

intercepts() { # NAME DEVICE
	do_ok "$1: attach $2" loader attach "$2" --port 80 --udp-port 7007
	r nft reset counters table inet devs >/dev/null
	answered "$1"
	do_ok "$1: detach" loader detach --all
}

# probe KIND — the kernel has such devices
probe() {
	r ip link add probe0 type "$@" >/dev/null 2>&1 && r ip link del probe0
}

# the client's way to the servers, by another device and other addresses
client_by() { # DEVICE NETWORK
	c ip route replace default via "10.77.$2.1" dev "$1"
	c ip -6 route replace default via "fd77:$2::1" dev "$1"
}

addresses() { # NS DEVICE NETWORK HOST
	topo_address "$1" "$2" "10.77.$3.$4/24" "fd77:$3::$4/64"
}

prepare nginx echo
r nft -f - <<-'NFT'
	table inet devs {
		counter past { }
		chain forward {
			type filter hook forward priority 1
			oifname r1 meta l4proto { tcp, udp } counter name past
			oifname r1 ip frag-off & 0x1fff != 0 counter name past
		}
	}
NFT
ok "the relay starts" relay_start
intercepts veth r0

r ip tuntap add mode tun name t0
c ip tuntap add mode tun name t1
addresses "$ROUTER" t0 5 1
addresses "$CLIENT" t1 5 2
serve_run tunnel "$ROUTER" python3 "$LIB/corner.py" tunnel "/run/netns/$ROUTER" t0 \
	"/run/netns/$CLIENT" t1
ok "the tunnel is up" wait_for 10 grep -q up "$WORK/log/tunnel"
client_by t1 5
intercepts "tun, no Ethernet header" t0
client_by c0 1

if r ip link add link r0 name mv0 type macvlan mode bridge 2>/dev/null; then
	addresses "$ROUTER" mv0 6 1
	c ip addr add 10.77.6.2/24 dev c0
	c ip addr add fd77:6::2/64 dev c0 nodad
	r sysctl -qw net.ipv4.conf.all.arp_ignore=1
	client_by c0 6
	intercepts macvlan mv0
	client_by c0 1
	r ip link del mv0
else
	tap_result 0 "macvlan # SKIP the kernel has none"
fi

if r ip link add link r0 name r0.100 type vlan id 100 2>/dev/null; then
	c ip link add link c0 name c0.100 type vlan id 100
	addresses "$ROUTER" r0.100 7 1
	addresses "$CLIENT" c0.100 7 2
	client_by c0.100 7
	intercepts VLAN r0.100
	client_by c0 1
	r ip link del r0.100
else
	tap_result 0 "VLAN # SKIP the kernel has none"
fi

for kind in dummy ifb vrf netkit ipvlan; do
	case $kind in
	vrf) more=(table 77) ;;
	ipvlan) more=(link r0) ;;
	*) more=() ;;
	esac
	snapshot_quick >"$WORK/before"
	if [[ $kind == ipvlan ]]; then
		r ip link add link r0 name dev0 type ipvlan >/dev/null 2>&1
	else
		r ip link add dev0 type $kind "${more[@]}" >/dev/null 2>&1
	fi
	if [[ -z $(r ip -o link show dev0 2>/dev/null) ]]; then
		tap_result 0 "$kind # SKIP the kernel has none"
		continue
	fi
	refuses "$kind is refused" 1 '^tproxy-loader: dev0: ' loader attach dev0 --port 80
	r ip link del dev0
	snapshot_quick >"$WORK/now"
	same_text "$kind: nothing has changed" "$WORK/before" "$WORK/now"
done
refuses "lo is refused" 1 '^tproxy-loader: lo: ' loader attach lo --port 80
refuses "a device that is not there is refused" 1 'nodev: no such interface' loader attach nodev --port 80
refuses "one bad device of two is refused" 1 '^tproxy-loader: lo: ' loader attach r0 lo --port 80
is "and the other is not attached" "$(r python3 "$LIB/net.py" attached r0)" "- -"

r ip link add br0 type bridge
r ip addr flush dev r0
addresses "$ROUTER" br0 1 1
r ip link set r0 master br0
wait_for 10 c ping -c 1 -W 1 $GATE4
wait_for 10 c ping -c 1 -W 1 $GATE6
refuses "a bridge port is refused, and the bridge named" 1 '^tproxy-loader: r0: .*attach br0' \
	loader attach r0 --port 80
intercepts bridge br0
r ip link del br0

r ip link set r0 down
r ip link set r0 name r0.10
addresses "$ROUTER" r0.10 1 1
wait_for 10 c ping -c 1 -W 1 $GATE4
wait_for 10 c ping -c 1 -W 1 $GATE6
intercepts "a name with a dot" r0.10

do_ok "attach by a glob" loader attach 'r*' --port 80 --udp-port 7007
like "the glob took both" "$(loader status --json | json_value \
	"' '.join(sorted(i['name'] for i in o['interfaces']))")" '^r0.10 r1$'
answered "a glob"
do_ok "a glob that matches nothing is no error" loader attach 'zz*'
do_ok "detach" loader detach --all
finish
