#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A bridge as Docker configures it: masquerade, a forward chain that drops, published ports, with
# and without br_netfilter. Interception does not depend on any of these, and other flows are not
# affected.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/devices.sh
. "$TOP/tests/lib/devices.sh"

# as Docker writes them with iptables-nft: who may forward, whose address is hidden, what is published
docker_tables() { # FAMILY CLIENT NETWORK
	local nf=$1 client=$2 network=$3

	r nft -f - <<-NFT
		table $nf docker-nat {
			chain prerouting {
				type nat hook prerouting priority dstnat
				fib daddr type local tcp dport 8022 dnat to $client
			}
			chain postrouting {
				type nat hook postrouting priority srcnat
				oifname != "br0" $nf saddr $network masquerade
			}
		}
		table $nf docker-filter {
			counter dropped { }
			chain forward {
				type filter hook forward priority filter; policy drop
				oifname "br0" ct state { established, related } accept
				ct status dnat accept
				iifname "br0" oifname != "br0" tcp dport { 8080 } accept
				iifname "br0" oifname "br0" accept
				counter name dropped
			}
		}
	NFT
}

dropped() { packets r "$1" docker-filter dropped; }

# hooks VALUE — whether packets of bridge ports pass the IP hooks
hooks() {
	r sysctl -qw net.bridge.bridge-nf-call-iptables="$1" net.bridge.bridge-nf-call-ip6tables="$1"
}

devices_prepare
r ip link add br0 type bridge forward_delay 0
r ip addr flush dev r0
r ip link set r0 master br0
addresses "$ROUTER" br0 1 1
ok "the bridge forwards" wait_for 20 straight $SERVER4
ok "IPv6 too" wait_for 20 straight $SERVER6
docker_tables ip $CLIENT4 10.77.1.0/24
docker_tables ip6 $CLIENT6 fd77:1::/64
modprobe br_netfilter 2>/dev/null
values=(0 1)
hooks 1 2>/dev/null || values=(absent)
for value in "${values[@]}"; do
	name="bridge-nf-call-iptables $value"
	[[ $value == absent ]] || hooks "$value"
	snapshot_quick >"$WORK/before"
	for to in $SERVER4 $SERVER6; do
		is "$name: port 80 of $to is not forwarded" "$(cpy probe "$to" 80 1)" timeout
		like "$name: port 8080 of $to is, under the router's address" "$(whoami_at "$to" 8080)" \
			"^($ROUTER4|$ROUTER6) "
	done
	do_ok "$name: attach" loader attach br0 --ports 80,udp/7007
	drops="$(dropped ip) $(dropped ip6)"
	answered "$name"
	is "$name: and none met the forward chain" "$(dropped ip) $(dropped ip6)" "$drops"
	like "$name: what no rule names continues as before" "$(whoami_at $SERVER4 8080)" "^$ROUTER4 "
	is "$name: a published port leads to the container" "$(s python3 "$LIB/net.py" probe $ROUTER4 8022)" refused
	do_ok "$name: detach" loader detach --all
	snapshot_quick >"$WORK/after"
	same_text "$name: nothing is left" "$WORK/before" "$WORK/after"
done
finish
