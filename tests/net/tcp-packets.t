#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The relay sends no unnecessary packet: a FIN leaves with the last bytes, the ACK that completes
# the handshake with the first ones, if there are any. Keepalive begins when a connection is old.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/strace.sh
. "$TOP/tests/lib/strace.sh"

command -v strace >/dev/null || skip_inside "strace is not installed"
prepare peer
serve_run segments "$SERVER" python3 "$LIB/corner.py" segments 7012
wait_for 10 listening "$SERVER" tcp 7012 || fatal "the server starts"
ok "the relay starts" relay_start --no-seccomp
do_ok "attach" loader attach r0 --ports 7007,7012

# FINs with bytes, of the relay: on either side (what play reports at its end may have another one)
for side in c s; do
	$side nft -f - <<-'NFT'
		table inet fins {
			counter full { }
			chain input {
				type filter hook input priority 0
				tcp flags & fin == fin tcp sport 7007 jump sized
				tcp flags & fin == fin tcp dport 7007 jump sized
			}
			chain sized {
				meta nfproto ipv4 meta length > 52 counter name full
				meta nfproto ipv6 meta length > 72 counter name full
			}
		}
	NFT
done
full_fins() { packets "$1" inet fins full reset; } # SIDE
ends_full() { # ADDRESS
	full_fins c >/dev/null
	full_fins s >/dev/null
	[[ $(play "$1" send=40,cork=1 send=1000,after=eof,cork=1) == "client 1000 same fin, server 40 same fin" ]] &&
		[[ $(full_fins s) == [12] && $(full_fins c) == [12] ]]
}
queued() { r ss -Htn state established "sport = :7012" | grep -qE '^5 '; }
sockets() { r ss -Htno state established "( sport = :7007 or dport = :7007 )"; }
has_sockets() { [[ $(sockets | grep -c .) -eq $1 ]]; }
keepalives() { sockets | grep -c 'timer:(keepalive,'; }
has_keepalives() { [[ $(keepalives) -eq $1 ]]; }

check() { # ADDRESS
	local player silent tracer

	# The kernel may hand out bytes that came while it was asked for others, and the FIN a moment
	# later: one of the flows will do.
	ok "both ends send and end, each FIN with the last bytes ($1)" wait_for 10 ends_full "$1"

	# Only for the relay to meet the client's bytes and its own connection in one turn.
	freeze "$RELAY_PID"
	c bash -c "exec 3<>/dev/tcp/$1/7012; printf hello >&3; cat <&3" &
	player=$!
	ok "the client has sent, the relay has not accepted" wait_for 10 queued
	: >"$WORK/log/segments"
	kill -CONT "$RELAY_PID"
	wait $player
	is "the server got a SYN, and the first bytes with the ACK (segments, with data)" \
		"$(<"$WORK/log/segments")" "2 1"

	# Otherwise a timer of the kernel sends it after 200 ms.
	strace -qq -f -e trace=setsockopt -o "$WORK/strace" -p "$RELAY_PID" 2>/dev/null &
	tracer=$!
	wait_for 10 relay_traced
	# not through the function c: it is to end by its id
	nsenter --net="/run/netns/$CLIENT" -- bash -c "exec 3<>/dev/tcp/$1/7012; exec cat <&3" &
	silent=$!
	ok "a client that says nothing reaches the server" wait_for 10 established s 7012
	kill $tracer
	wait $tracer
	ok "the relay has ended the handshake itself" grep -q 'TCP_QUICKACK, \[1\]' "$WORK/strace"
	kill $silent
	wait $silent
}

# Both families at once, for the time it takes.
check_keepalive() {
	local players=() to

	for to in $SERVER4 $SERVER6; do
		play "$to" end=none,patience=40 end=none,patience=40 >/dev/null &
		players+=($!)
	done
	ok "two connections are open" wait_for 10 has_sockets 4
	is "while young they have no keepalive" "$(keepalives)" 0
	ok "old ones have, on both sides" wait_for 25 has_keepalives 4
	kill "${players[@]}"
	wait "${players[@]}"
}

check $SERVER4
check $SERVER6
check_keepalive
finish
