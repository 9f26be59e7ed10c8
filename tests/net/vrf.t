#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Interception on members of a VRF. The IPv6 rule names the VRF, the IPv4 rule the member. A proxy
# whose listeners are bound to the member gets the flows; without one they fail. Its onward
# sockets are bound to the VRF. The rules follow a member out of the VRF and back, and disappear
# with the last member. The VRF itself is refused.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/vrf.sh"

asked() { corner ask "$1" 7007 "${2:-tcp,udp}" "${3:-5}"; }

# rules — which devices our rules name: IPv4 / IPv6
rules() {
	local family

	for family in -4 -6; do
		r ip $family rule | sed -n 's/^150:.* iif \([^ ]*\) .*/\1/p' | sort | xargs
	done | paste -sd/
}
named() { [[ $(rules) == "$1" ]]; }

PROXY=
proxy() { # CMD… — instead of the one before
	[[ -z $PROXY ]] || stop "$PROXY"
	serve_run proxy "$ROUTER" "$@"
	PROXY=$!
	wait_for 10 listening "$ROUTER" tcp 3129 || fatal "the proxy starts: $*"
}
tell() { proxy python3 "$LIB/corner.py" tell 3129 proxy "" "$1"; }

prepare
vrf_make blue
serve_run tell-server "$SERVER" python3 "$LIB/corner.py" tell 7007 server
wait_for 10 listening "$SERVER" udp 7007 || fatal "the server starts"
master r0 blue
master r1 blue
for to in $SERVER4 $SERVER6; do
	ok "the VRF forwards to $to" wait_for 10 eval "[[ \$(asked $to) == 'server $to 7007' ]]"
done
unlike "which is counted" "$(past)" '^0?$'
past_reset

refuses "the VRF device is refused" 1 '^tproxy-loader: blue: .*members' loader attach blue --ports 7007
do_ok "attach a member" loader attach r0 --ports 7007 --proto tcp+udp --proxy 3129
like "which warns that the proxy has to be bound" "$ERR" 'VRF blue.*bound to r0'
is "the rules name the member and the VRF" "$(rules)" "r0/blue"
like "status shows the VRF" "$(loader status)" 'r0: .*in VRF blue, routing IPv4 ok, IPv6 ok'
is "its JSON does too" "$(loader status --json | json_value "o['interfaces'][0]['vrf']")" blue
do_ok "clean leaves the rules" loader clean
is "as they are" "$(rules)" "r0/blue"

tell r0
for to in $SERVER4 $SERVER6; do
	is "a proxy bound to the member gets TCP and UDP to $to" "$(asked "$to")" "proxy $to 7007"
done
for device in "" blue; do
	tell "$device"
	for to in $SERVER4 $SERVER6; do
		is "one bound to ${device:-nothing} gets none to $to" "$(asked "$to" tcp,udp 1)" timeout
	done
done
is "and nothing has gone past" "$(past)" 0

onward() { # BIND — a proxy whose onward sockets are bound to that device, or to none
	proxy socat TCP4-LISTEN:3129,bind=127.0.0.1,ip-transparent,so-bindtodevice=r0,reuseaddr,fork \
		"TCP4:$SERVER4:7007,connect-timeout=3${1:+,so-bindtodevice=$1}"
}
onward blue
is "onward sockets bound to the VRF reach the server" "$(asked $SERVER4 tcp)" "server $SERVER4 7007"
onward ""
is "unbound they do not" "$(asked $SERVER4 tcp)" eof

do_ok "attach the other member" loader attach r1 --divert-only
is "they share the IPv6 rule" "$(rules)" "r0 r1/blue"
do_ok "detach the first" loader detach r0
is "the other keeps it" "$(rules)" "r1/blue"
do_ok "attach the first again" loader attach r0 --ports 7007 --proto tcp+udp --proxy 3129

"$LOADER" -n "$ROUTER" watch >"$WORK/log/watch" 2>&1 </dev/null &
watch=$!
disown $watch
ok "watch runs" wait_for 10 grep -q watching "$WORK/log/watch"
nomaster r0
ok "a member that leaves gets a rule of its own" wait_for 5 named "r0 r1/blue r0"
nomaster r1
ok "the VRF's goes with the last" wait_for 5 named "r0 r1/r0 r1"
master r0 blue
ok "one that joins gets the VRF's" wait_for 5 named "r0 r1/blue r1"
master r1 blue
ok "and gives up its own" wait_for 5 named "r0 r1/blue"
r ip link set blue down
r ip link set blue name green
r ip link set green up
ok "a renamed VRF is followed" wait_for 5 named "r0 r1/green"
tell r0
for to in $SERVER4 $SERVER6; do
	addresses_again r0
	addresses_again r1
	is "flows to $to are intercepted" "$(asked "$to")" "proxy $to 7007"
done
r ip link del green
ok "without its VRF a device has its own rules" wait_for 5 named "r0 r1/r0 r1"
stop $watch
do_ok "detach" loader detach --all
is "no rule is left" "$(rules)" "/"
is "no route either" "$(r ip route show table 15001 2>/dev/null)$(r ip -6 route show table 15001 2>/dev/null)" ""
finish
