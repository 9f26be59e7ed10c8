# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The path changes under flows that last: addresses, devices and routes of the router. Needs test.sh
# and talk.sh.
#
#   router r1 ── s0 server      10.77.2.0/24, fd77:2::/64
#   router r2 ── s2 server      10.77.4.0/24, fd77:4::/64, by uplink_second

UPLINK4=10.77.4.1 UPLINK6=fd77:4::1
MOVED4=10.77.2.9 MOVED6=fd77:2::9
export UPLINK4 UPLINK6 MOVED4 MOVED6

# uplink_second — another way to the servers' further addresses, EXTRA4 and EXTRA6
uplink_second() {
	ip -n "$ROUTER" link add r2 type veth peer name s2 netns "$SERVER" || return
	topo_address "$ROUTER" r2 $UPLINK4/24 $UPLINK6/64
	topo_address "$SERVER" s2 10.77.4.2/24 fd77:4::2/64
	wait_for 10 topo_settled
}

uplink_use() { # 1|2 — routes to the further addresses lead there
	local net=$((2 * $1))

	ip -n "$ROUTER" route replace 10.77.3.0/24 via 10.77.$net.2
	ip -n "$ROUTER" -6 route replace fd77:3::/64 via fd77:$net::2
}

# addresses_remove, addresses_add ADDRESS4 ADDRESS6 — of the first uplink, with the route by it
addresses_remove() {
	ip -n "$ROUTER" addr del "$1/24" dev r1
	ip -n "$ROUTER" addr del "$2/64" dev r1
}
addresses_add() {
	ip -n "$ROUTER" addr add "$1/24" dev r1
	ip -n "$ROUTER" addr add "$2/64" dev r1 nodad
}

# uplink_again — deletes the first uplink and makes it again, with the same addresses
uplink_again() {
	ip -n "$ROUTER" link del r1
	ip -n "$ROUTER" link add r1 type veth peer name s0 netns "$SERVER"
	topo_address "$ROUTER" r1 "$ROUTER4"/24 "$ROUTER6"/64
	topo_address "$SERVER" s0 "$SERVER4"/24 "$SERVER6"/64
}

# moves DESCRIPTION NAME WHOM — its server soon sees these addresses, and it gets ten more answers
moves() {
	ok "$1: its server soon saw $3" wait_for 20 saw "$2" "$3"
	goes_on "$@"
}
saw() { [[ $(whom "$1") == "$2" ]]; } # NAME WHOM

# line NAME ADDRESS [QUIET] — a TCP connection of the client to the echo server, in the background
line() {
	nsenter --net="/run/netns/$CLIENT" -- python3 "$LIB/line.py" "$2" 7007 "$WORK/line$1" ${3+"$3"} \
		2>"$WORK/log/line-$1" &
	SERVE_PIDS+=($!)
	disown $!
	wait_for 10 echoed "$1" 1
}
line_count() { cut -d' ' -f1 "$WORK/line$1" 2>/dev/null || echo 0; }   # NAME
line_end() { cut -s -d' ' -f2- "$WORK/line$1"; }                        # NAME
echoed() { [[ $(line_count "$1") -ge $2 ]]; }                           # NAME NUMBER
line_over() { [[ -n $(line_end "$1") ]]; }                              # NAME

# line_lives DESCRIPTION NAME — ten more bytes come back
line_lives() {
	ok "$1" wait_for 20 echoed "$2" $(($(line_count "$2") + 10))
	is "$1: it has not ended" "$(line_end "$2")" ""
}
