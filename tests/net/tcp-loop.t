#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A route that leads back to us ends by TTL, as with plain forwarding: one connect makes at most
# 64 flows and as many handshakes. With one gate whose next router returns the packets, and
# between two gates that route a prefix to each other, in all source modes. The log names the
# loop.
. "$(dirname "$0")/../lib/test.sh"

LOOP4=10.77.9.9 LOOP6=fd77:9::9 # no host has these
HOPS=$LIB/hops.py

# loader_at NS ARGS…, relay_at NS MODE — on that gate
loader_at() { "$LOADER" -n "$@"; }
relay_at() { # NS MODE
	: >"$WORK/log/gate-$1"
	"$RELAY" -n "$1" --source "$2" --log-level debug --connect-timeout 3 >"$WORK/log/gate-$1" 2>&1 </dev/null &
	GATES+=($!)
	disown $!
	wait_for 10 grep -q registered "$WORK/log/gate-$1"
}
gates_stop() {
	local pid

	for pid in "${GATES[@]}"; do
		stop "$pid"
	done
	GATES=()
}
GATES=()
flows() { cat "$WORK"/log/gate-* | grep -Ec "tcp .* -> $(escaped "$(bracket "$1")"):80 .*end="; }
handshakes() { grep -Ec "^in S .* > $(escaped "$1.80") " "$WORK/seen"; }

sniff() { # NS DEVICE
	: >"$WORK/seen"
	nsenter --net="/run/netns/$1" -- python3 "$HOPS" sniff "$2" >"$WORK/seen" 2>&1 </dev/null &
	SNIFFER=$!
	SERVE_PIDS+=("$SNIFFER")
	disown "$SNIFFER"
	wait_for 10 grep -qx ready "$WORK/seen"
}

# loop NAME NS DEVICE FROM — a connect over each family from there, both at the same time; SYNs are
# counted where they enter NS
loop() {
	local name to probes=()

	sniff "$2" "$3"
	# as many as it makes until then are all that it makes: each flow waits for the next
	for to in $LOOP4 $LOOP6; do
		"$4" python3 "$LIB/net.py" probe "$to" 80 20 >"$WORK/probe-$to" 2>&1 &
		probes+=($!)
	done
	wait "${probes[@]}"
	gates_stop
	for to in $LOOP4 $LOOP6; do
		name="$1, $to"
		is "$name: the connection ends" "$(<"$WORK/probe-$to")" "connected reset"
		echo "# $(flows "$to") flows, $(handshakes "$to") SYNs"
		[[ $name != *own* ]] || ok "$name: it was a loop" test "$(flows "$to")" -gt 20
		at_most "$name: flows" "$(flows "$to")" 64
		at_most "$name: handshakes" "$(handshakes "$to")" 64
	done
	stop "$SNIFFER"
}

quiet() { # NS — it forwards, and sends no ICMP redirects
	nsenter --net="/run/netns/$1" -- sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0
	for dev in /proc/sys/net/ipv4/conf/*; do
		nsenter --net="/run/netns/$1" -- sysctl -qw "net.ipv4.conf.${dev##*/}.send_redirects=0" 2>/dev/null
	done
}

prepare
for ns in "$CLIENT" "$ROUTER" "$SERVER"; do
	quiet "$ns"
done

# One gate: beyond r0 is a router without this prefix, whose default route is the gate. In mode own
# the packets that come back have a source of the gate, which IPv4 refuses by default.
r sysctl -qw net.ipv4.conf.all.accept_local=1 net.ipv4.conf.r0.accept_local=1
r ip route add 10.77.9.0/24 via $CLIENT4
r ip route add fd77:9::/64 via $CLIENT6
do_ok "attach" loader attach r0 --ports 80 --to 10.77.9.0/24,fd77:9::/64
for mode in own client-ip client-ip-port; do
	# a client with an address that the router returns as well
	from=s
	[[ $mode != own ]] || from=c
	[[ $mode == own ]] || do_ok "$mode: the other side" loader attach r1 --divert-only
	ok "$mode: the relay starts" relay_at "$ROUTER" $mode
	loop "one gate, $mode" "$ROUTER" r0 $from
	[[ $mode == own ]] || continue
	for to in $LOOP4 $LOOP6; do
		ok "$mode: the log calls the flows to $to a loop" \
			grep -Eq " -> $(escaped "$(bracket "$to")"):80 .*end=.* loop\$" "$WORK/log/gate-$ROUTER"
	done
	is "$mode: and explains it once" "$(grep -c ' warn loop: our own flow ' "$WORK/log/gate-$ROUTER")" 1
done
do_ok "detach" loader detach --all

# Two gates, each of which takes the other for the way there.
ip -n "$ROUTER" route replace 10.77.9.0/24 via $SERVER4
ip -n "$ROUTER" route replace fd77:9::/64 via $SERVER6
for dev in r0 r1; do
	do_ok "attach the first gate" loader attach $dev --ports 80 --to 10.77.9.0/24,fd77:9::/64
done
do_ok "attach the second gate" loader_at "$SERVER" attach s0 --ports 80 --to 10.77.9.0/24,fd77:9::/64
for mode in own client-ip client-ip-port; do
	ok "$mode: the first relay starts" relay_at "$ROUTER" $mode
	ok "$mode: the second relay starts" relay_at "$SERVER" $mode
	loop "two gates, $mode" "$ROUTER" r1 c
done
loader_at "$SERVER" detach --all >/dev/null 2>&1
finish
