#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A TCP connection through the relay is one hop longer, as through a router: TTL n arrives and n -
# 1 leaves, and DSCP is kept, in all source modes. TTL 1 ends here, and the client gets an error:
# `traceroute -T` shows this router in its place.
. "$(dirname "$0")/../lib/test.sh"

HOPS=$LIB/hops.py
EF=0xb8 # expedited forwarding, as it stands in the TOS

sniff() { # SIDE DEVICE
	serve_run "seen-$2" "$1" python3 "$HOPS" sniff "$2"
	wait_for 10 grep -qx ready "$WORK/log/seen-$2"
}
lines() { wc -l <"$WORK/log/seen-$1"; }
# since DEVICE LINE — what was seen there after that line
since() { tail -n +"$(($2 + 1))" "$WORK/log/seen-$1"; }
saw() { since "$1" "$2" | grep -Eq -- "$3"; }
talk() { c python3 "$HOPS" talk "$1" 7007 "$2" "$3"; }
trace() { c python3 "$HOPS" trace "$1" "${3:-7007}" "$2"; }

TTL=120 # another one for each flow, so that they are not mixed up
# carried NAME ADDRESS TOS [LEAVES] — a flow there; LEAVES: with this TTL, not one less than it came with
carried() {
	local to leaves at_server at_client tos
	to=$(escaped "$2.7007")

	TTL=$((TTL - 2))
	leaves=${4:-$((TTL - 1))}
	tos=$(printf 0x%02x "$3")
	at_server=$(lines s0)
	at_client=$(lines c0)
	is "$1: a flow to $2" "$(talk "$2" $TTL "$3")" heard
	ok "$1: its SYN leaves with TTL $leaves, TOS $tos" \
		wait_for 10 saw s0 "$at_server" "^in S .* > $to ttl $leaves tos $tos\$"
	ok "$1: its end does too" wait_for 10 saw s0 "$at_server" "^in F.* > $to ttl $leaves tos $tos\$"
	is "$1: no packet of it with others" \
		"$(since s0 "$at_server" | grep -E "> $to ttl" | grep -vc "ttl $leaves tos $tos")" 0
	# TCP leaves those of the handshake to the listener
	ok "$1: answers have the same TOS" wait_for 10 saw c0 "$at_client" "^in PA* $to > .* tos $tos\$"
}

# ends_here NAME ADDRESS GATE — TTL 1 ends at the router, TTL 2 at the server
ends_here() {
	local at_server before
	at_server=$(lines s0)
	before=$(counter ttl)

	is "$1: a SYN with TTL 1 to $2 ends at the router" "$(trace "$2" 1)" "expired $3"
	ok "$1: counted" test "$(counter ttl)" -gt "$before"
	nok "$1: and did not leave it" saw s0 "$at_server" "^in S .* > $(escaped "$2.7007") "
	like "$1: one with TTL 2 gets to the server" "$(trace "$2" 2)" '^(connected|heard)$'
	ok "$1: which it reaches with 1" wait_for 10 saw s0 "$at_server" "^in S .* > $(escaped "$2.7007") ttl 1 "
}

prepare echo
sniff "$SERVER" s0
sniff "$CLIENT" c0
for mode in own client-ip client-ip-port; do
	ok "$mode: the relay starts" relay_start --source $mode
	do_ok "$mode: attach" loader attach r0 --ports 7007 --to 10.77.2.0/24,fd77:2::/64
	[[ $mode == own ]] || do_ok "$mode: the servers' side" loader attach r1 --divert-only
	ok "$mode: it is registered" relay_says registered
	bypass_reset
	for to in $SERVER4 $SERVER6; do
		carried "$mode" "$to" $EF
		carried "$mode" "$to" 0x20
		carried "$mode" "$to" 0
	done
	ends_here $mode $SERVER4 $GATE4
	ends_here $mode $SERVER6 $GATE6
	bypass_none "$mode: no packet went past the relay"
	relay_stop
done

# A handshake by SYN cookie leaves nothing of its SYN.
ok "the relay starts" relay_start
r sysctl -qw net.ipv4.tcp_syncookies=2
for to in $SERVER4 $SERVER6; do
	before=$(counter syn_cookie)
	carried "SYN cookies" "$to" $EF
	ok "SYN cookies: it was one" test "$(counter syn_cookie)" -gt "$before"
done
r sysctl -qw net.ipv4.tcp_syncookies=1

# listeners that were handed over
old=$RELAY_PID
ok "the next relay takes over" relay_start
ok "the previous relay ends" wait_for 10 process_gone "$old"
carried "handed over" $SERVER4 $EF
carried "handed over" $SERVER6 $EF
relay_stop

# listeners of systemd
mkdir "$WORK/unit"
RELAY_LOG=$WORK/log/relay.unit
serve_run relay.unit "$ROUTER" python3 "$LIB/activate.py" "$WORK/unit" \
	tcp,127.0.0.1,15002 tcp,::1,15002 -- "$RELAY" --pin-dir "$PINS" --workers 1 --listen 15002
unit=${SERVE_PIDS[-1]}
ok "a relay with systemd's sockets starts" relay_says registered
carried "systemd's sockets" $SERVER4 $EF
carried "systemd's sockets" $SERVER6 $EF
kill "$(<"$WORK/unit/pid")"
ok "it ends" relay_says ended
stop "$unit" KILL

# A proxy is dialled afresh: what it does is another connection.
serve_run microsocks "$SERVER" microsocks -i 0.0.0.0 -p 1080
wait_for 10 listening "$SERVER" tcp 1080 || fatal "microsocks starts"
ok "the relay with an upstream proxy starts" relay_start --upstream "socks5://$SERVER4:1080"
before=$(lines s0)
is "a flow with few hops left gets through" "$(talk $SERVER4 2 $EF)" heard
ok "the proxy is reached with all hops and the same TOS" \
	wait_for 10 saw s0 "$before" "^in S .* > 10\.77\.2\.2\.1080 ttl 64 tos $EF\$"
finish
