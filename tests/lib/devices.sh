# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Kinds of devices: the client reaches the router by a device of that kind, and everything that
# bypasses the relay is counted. Needs test.sh.

# devices_prepare — starts network, servers, relay and counter
devices_prepare() {
	prepare nginx echo
	past_watch
	ok "the relay starts" relay_start
}

# servers FAMILIES — FAMILIES is 4, 6 or 46
servers() {
	[[ $1 != *4* ]] || echo "$SERVER4"
	[[ $1 != *6* ]] || echo "$SERVER6"
}

# answered NAME [FAMILIES] — an attached device intercepts TCP, UDP and fragments
answered() {
	local name=$1 to want=() who=() came=()

	past_reset
	for to in $(servers "${2:-46}"); do
		ok "$name: flows to $to go through the relay" steering "$to"
		who+=("$(cpy udp-who "$to" 7007)")
		came+=("$(cpy udp "$to" 7007 4000 1)")
		want+=("$([[ $to == *:* ]] && echo "$ROUTER6" || echo "$ROUTER4") other-port")
	done
	is "$name: so do datagrams" "${who[*]}" "${want[*]}"
	is "$name: so do fragments" "${came[*]}" "${want[*]/*/1}"
	is "$name: none of them bypassed the relay" "$(past)" 0
}

# straight ADDRESS — a flow there is not relayed
straight() {
	local whom

	whom=$(whoami_at "$1")
	[[ -n $whom && $whom != "$ROUTER4 "* && $whom != "$ROUTER6 "* ]]
}

# intercepts NAME DEVICE [FAMILIES] — the servers are reachable, and attach intercepts the flows
intercepts() {
	local to

	for to in $(servers "${3:-46}"); do
		ok "$1: $to is reached" wait_for 20 straight "$to"
	done
	do_ok "$1: attach $2" loader attach "$2" --ports 80,udp/7007
	answered "$1" "${3:-46}"
	do_ok "$1: detach" loader detach --all
}

# warned DEVICE — prints the last warning of attach about it
warned() { grep "^tproxy-loader: .*$1: " "$WORK/log/commands" | tail -n 1; }

# untouched NAME DEVICE — attach there does not intercept flows of the client
untouched() {
	local to

	do_ok "$1: attach $2" loader attach "$2" --ports 80,udp/7007
	for to in "$SERVER4" "$SERVER6"; do
		ok "$1: flows to $to go straight" straight "$to"
		like "$1: UDP to $to, too" "$(cpy udp-who "$to" 7007)" ' same-port$'
	done
	do_ok "$1: detach" loader detach --all
}

# device NAME ARGS… — makes one on the router; a skipped check if the kernel has no such device
device() {
	local name=$1
	shift

	r ip link add "$@" 2>"$WORK/device" && return
	tap_result 0 "$name # SKIP the kernel has none: $(head -n 1 "$WORK/device")"
	return 1
}

# client_by DEVICE NETWORK — the client reaches the servers by it
client_by() {
	c ip route replace default via "10.77.$2.1" dev "$1"
	c ip -6 route replace default via "fd77:$2::1" dev "$1"
}

# addresses NS DEVICE NETWORK HOST
addresses() {
	topo_address "$1" "$2" "10.77.$3.$4/24" "fd77:$3::$4/64"
}

# link_of NETWORK ROUTERS-DEVICE CLIENTS-DEVICE — gives both ends addresses, and the client its route
link_of() {
	addresses "$ROUTER" "$2" "$1" 1
	addresses "$CLIENT" "$3" "$1" 2
	client_by "$3" "$1"
}

# tunnel CHECK NAME FAMILIES ROUTERS-ARGS… -- CLIENTS-ARGS… — CHECK NAME DEVICE FAMILIES with a client
# that comes by a tunnel of that kind
tunnel() {
	local check=$1 name=$2 families=$3 mine=()
	shift 3

	while [[ $1 != -- ]]; do
		mine+=("$1")
		shift
	done
	shift
	device "$name" name tun7 type "${mine[@]}" || return 0
	c ip link add name tun7 type "$@"
	link_of 7 tun7 tun7
	"$check" "$name" tun7 "$families"
	client_by c0 1
	r ip link del tun7
	c ip link del tun7
}

# wireguard_end NS KEY PEER-KEY PORT ENDPOINT
wireguard_end() {
	nsenter --net="/run/netns/$1" wg set wg7 private-key "$WORK/$2" listen-port "$4" \
		peer "$(wg pubkey <"$WORK/$3")" allowed-ips 0.0.0.0/0,::/0 endpoint "$5"
}

# wireguard — a client that comes by WireGuard, on wg7; a skipped check if there is none
wireguard() {
	if ! command -v wg >/dev/null; then
		tap_result 0 "WireGuard # SKIP wg is not installed (scripts/deps installs it)"
		return 1
	fi
	device WireGuard name wg7 type wireguard || return
	c ip link add wg7 type wireguard
	(umask 077 && wg genkey >"$WORK/wg-r" && wg genkey >"$WORK/wg-c")
	wireguard_end "$ROUTER" wg-r wg-c 51820 "$CLIENT4:51820"
	wireguard_end "$CLIENT" wg-c wg-r 51820 "$GATE4:51820"
	link_of 7 wg7 wg7
}
