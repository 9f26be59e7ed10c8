# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The network of all scripts: three namespaces in a row.
#
#   client c0 ───────────── r0 router r1 ───────────── s0 server
#   10.77.1.2        10.77.1.1   10.77.2.1        10.77.2.2, 10.77.3.2
#   fd77:1::2        fd77:1::1   fd77:2::1        fd77:2::2, fd77:3::2
#
# Also the counter of packets that bypass the proxy, and snapshots of all that a loader could leave.
# Needs sandbox.sh and the directory $WORK for logs.

CLIENT=${TP_SANDBOX:-tp}-c
ROUTER=${TP_SANDBOX:-tp}-r
SERVER=${TP_SANDBOX:-tp}-s
CLIENT4=10.77.1.2 CLIENT6=fd77:1::2
ROUTER4=10.77.2.1 ROUTER6=fd77:2::1 # the address of the relay for the server
GATE4=10.77.1.1 GATE6=fd77:1::1     # the address of the router for the client
SERVER4=10.77.2.2 SERVER6=fd77:2::2
EXTRA4=10.77.3.2 EXTRA6=fd77:3::2
ABSENT4=10.77.2.99 ABSENT6=fd77:2::99
export CLIENT4 CLIENT6 ROUTER4 ROUTER6 GATE4 GATE6 SERVER4 SERVER6 EXTRA4 EXTRA6 ABSENT4 ABSENT6

LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# c CMD…, r CMD…, s CMD… — run in the client's, router's or server's network namespace.
# `ip netns exec` would mount a new /sys over the bpffs.
c() { nsenter --net="/run/netns/$CLIENT" -- "$@"; }
r() { nsenter --net="/run/netns/$ROUTER" -- "$@"; }
s() { nsenter --net="/run/netns/$SERVER" -- "$@"; }
# on the client
cpy() { c python3 "$LIB/net.py" "$@"; }
corner() { c python3 "$LIB/corner.py" "$@"; }

topo_up() {
	local ns

	for ns in "$CLIENT" "$ROUTER" "$SERVER"; do
		ip netns add "$ns" || return
		nsenter --net="/run/netns/$ns" sysctl -qw net.ipv4.conf.all.rp_filter=0 \
			net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.all.src_valid_mark=0 \
			net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
		ip -n "$ns" link set lo up
	done
	ip -n "$CLIENT" link add c0 type veth peer name r0 netns "$ROUTER" || return
	ip -n "$ROUTER" link add r1 type veth peer name s0 netns "$SERVER" || return
	topo_address "$CLIENT" c0 $CLIENT4/24 $CLIENT6/64
	topo_address "$ROUTER" r0 $GATE4/24 $GATE6/64
	topo_address "$ROUTER" r1 $ROUTER4/24 $ROUTER6/64
	topo_address "$SERVER" s0 $SERVER4/24 $SERVER6/64
	topo_address "$SERVER" lo $EXTRA4/24 $EXTRA6/64
	ip -n "$CLIENT" route add default via $GATE4
	ip -n "$CLIENT" route add default via $GATE6
	ip -n "$SERVER" route add default via $ROUTER4
	ip -n "$SERVER" route add default via $ROUTER6
	ip -n "$ROUTER" route add 10.77.3.0/24 via $SERVER4
	ip -n "$ROUTER" route add fd77:3::/64 via $SERVER6
	r sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	wait_for 10 topo_settled || return
	bypass_watch
}

# topo_address NS IF PREFIX4 PREFIX6
topo_address() {
	ip -n "$1" addr add "$3" dev "$2"
	ip -n "$1" addr add "$4" dev "$2" nodad
	ip -n "$1" link set "$2" up
}

# topo_settled — all addresses are usable and the links are up: nothing will change by itself
topo_settled() {
	local ns

	for ns in "$CLIENT" "$ROUTER" "$SERVER"; do
		[[ -z $(ip -n "$ns" -6 addr show tentative) ]] || return 1
		ip -n "$ns" -br addr show type veth | awk '!/ UP .*fe80/ { bad = 1 } END { exit bad }' ||
			return 1
	done
}

topo_down() {
	local ns

	for ns in "$CLIENT" "$ROUTER" "$SERVER"; do
		[[ ! -e /run/netns/$ns ]] || ip netns del "$ns"
	done
}

# packets SIDE FAMILY TABLE COUNTER [reset] — prints a named nft counter; SIDE is c, r or s
packets() { "$1" nft "${5:-list}" counter "$2" "$3" "$4" | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }

# --- packets that bypass the proxy ---

# bypass_watch — counts packets that the router forwards from the client to a port that tests
# intercept, and fragments
bypass_watch() {
	r nft -f - <<-'NFT'
		table inet bypass {
			counter past_tcp { }
			counter past_udp { }
			chain forward {
				type filter hook forward priority 0
				iifname r0 tcp dport { 22, 53, 80, 7007, 8080 } counter name past_tcp
				iifname r0 udp dport { 53, 7007 } counter name past_udp
				# later fragments have no ports to match
				iifname r0 ip frag-off & 0x1fff != 0 counter name past_udp
				iifname r0 exthdr frag exists counter name past_udp
			}
		}
	NFT
}

# bypassed tcp|udp — prints how many were forwarded so far
bypassed() { packets r inet bypass "past_$1"; }
bypass_reset() { r nft reset counters table inet bypass >/dev/null; }

# past_watch — the same where packets of the client enter by another device than r0: counts all that
# leaves for the servers, also fragments. In a VRF the forward hook sees the VRF as their input.
past_watch() {
	r nft -f - <<-'NFT'
		table inet past {
			counter past { }
			chain forward {
				type filter hook forward priority 1
				oifname r1 meta l4proto { tcp, udp } counter name past
				oifname r1 ip frag-off & 0x1fff != 0 counter name past
			}
		}
	NFT
}
past() { packets r inet past past; }
past_reset() { r nft reset counters table inet past >/dev/null; }

# --- the state of the router ---

# snapshot — prints the state of the router, to compare before attach and after detach
snapshot() {
	snapshot_quick
	echo "== sysctl"
	# without measurements, such as nf_conntrack_count
	r sysctl -a -r '^net\.' 2>/dev/null |
		grep -Ev '_count |netfilter.nf_log|stable_secret|fastopen_key|route.flush|dev_weight'
}

# snapshot_quick — the part of the snapshot that takes little time
snapshot_quick() {
	local dev

	echo "== links"
	r ip -br link
	echo "== addresses"
	r ip -br addr
	echo "== tc"
	r tc qdisc show
	for dev in $(r ip -o link | sed 's/^[0-9]*: \([^@:]*\).*/\1/'); do
		r tc filter show dev "$dev" ingress
		r tc filter show dev "$dev" egress
	done 2>/dev/null
	r python3 "$LIB/net.py" attached
	echo "== namespace programs"
	r python3 "$LIB/net.py" attached-netns "/run/netns/$ROUTER"
	echo "== rules"
	r ip -4 rule
	r ip -6 rule
	echo "== routes"
	r ip -4 route show table all
	r ip -6 route show table all
	echo "== nft"
	r nft --stateless list ruleset
	echo "== pins"
	find /sys/fs/bpf -mindepth 1 | sort
	echo "== run"
	# the directory of the locks stays and is empty, except for the sockets of a relay
	find /run -path "$WORK" -prune -o -path '*tproxy*' ! -path /run/tproxy ! -type s -print | sort
}
