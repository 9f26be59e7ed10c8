#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Own traffic: sockets that change their mind, that are bound, marked, or of another kind. Each datagram
# goes where the rules say, and none of them leaves with the address of a token.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

prepare
own_up --ports $PORT,udp/$PORT --to 10.77.2.0/24,fd77:2::/64
own_reset
# data in the SYN, without a cookie
r sysctl -qw net.ipv4.tcp_fastopen=0x607

# a connected socket drops answers of others, so the log of the other end says who got the datagram
got() { # server|proxy PORT
	wait_for 2 grep -q "^datagram $2 " "$WORK/log/own-$1"
}

check() { # FAMILY DST OTHER-DST
	local dst other to by past

	dst=$(at "$2" $PORT) other=$(at "$2" $OTHER)
	to=$(through "$2" $PORT) past=$(around "$(source_for "$2")")
	is "UDP $1: proxied and not, in turn, on one socket" \
		"$(sock "udp$1" "ask=$dst" "ask=$other" "ask=$dst" "ask=$other")" "$to $past $to $past"
	: >"$WORK/log/own-server"
	is "UDP $1: connected to the proxy's, sends elsewhere, then sends" \
		"$(sock "udp$1" "connect=$dst" say "ask=$other" say)" "$to nothing $to"
	ok "UDP $1: the server gets it" got server $OTHER
	: >"$WORK/log/own-proxy"
	is "UDP $1: connected elsewhere, sends to the proxy's, then sends" \
		"$(sock "udp$1" "connect=$other" say "ask=$dst" say)" "$past nothing $past"
	ok "UDP $1: the proxy gets it" got proxy $PORT
	is "UDP $1: connected to both, one after the other" \
		"$(sock "udp$1" getmark "connect=$dst" getmark say "connect=$other" getmark say)" \
		"0x0 0x4000000 $to 0x0 $past"
	is "UDP $1: no longer connected, sends elsewhere and to the proxy's" \
		"$(sock "udp$1" "connect=$dst" say unconnect "ask=$other" "ask=$dst")" "$to $past $to"
	is "UDP $1: bound to an address" \
		"$(sock "udp$1" "bind=$(source_for "$2")" "ask=$dst" "connect=$dst" say)" "$to $to"
	by=$GATE4
	[[ $1 == 4 ]] || by=$GATE6
	is "UDP $1: bound to another address" "$(sock "udp$1" "bind=$by" "ask=$dst" "connect=$dst" say)" \
		"$(through "$2" $PORT "$by") $(through "$2" $PORT "$by")"
	is "TCP $1: bound to another address" "$(sock "tcp$1" "bind=$by" "connect=$dst" say)" \
		"$(through "$2" $PORT "$by")"
	is "UDP $1: the source in a control message" "$(sock "udp$1" "pkt=$by,$dst")" \
		"$(through "$2" $PORT "$by")"
	is "TCP $1: its own mark stays" "$(sock "tcp$1" mark=0x123 "connect=$dst" getmark say)" \
		"0x4000123 $to"
	is "UDP $1: its own mark stays" "$(sock "udp$1" mark=0x123 "ask=$dst" "connect=$dst" getmark say)" \
		"$to 0x4000123 $to"
	is "TCP $1: without waiting" "$(sock "tcp$1" "nonblock=$dst" say)" "$to"
	is "TCP $1: fast open" "$(sock "tcp$1" "fastopen=$dst" say)" "$to $to"
	is "UDP $1: a datagram in parts" "$(sock "udp$1" "cork=$dst")" "${to% 2} 300"
	is "UDP $1: many by one call (GSO)" "$(sock "udp$1" "gso=$dst,20")" "${to% 2} 1000"
	is "UDP $1: many by one call, connected (GSO)" "$(sock "udp$1" "connect=$dst" "gso=$dst,20")" \
		"${to% 2} 1000"
	is "UDP $1: without a checksum" "$(sock "udp$1" nosum "ask=$dst" "connect=$dst" say)" "$to $to"
	is "UDP $1: TTL 1, to a server without a router between" \
		"$(sock "udp$1" ttl=1 "ask=$dst" "connect=$dst" say)" "$to $to"
	none_direct "$1: none of it reaches the server"

	is "TCP $1: TTL 1" "$(sock "tcp$1" ttl=1 "connect=$dst" say)" "$to"
	is "UDP $1: sendmmsg to four destinations" \
		"$(sock "udp$1" "mmsg=$dst,$other,$(at "$3" $PORT),$(at "$3" $OTHER)")" \
		"$past from $2 $OTHER $past from $3 $PORT $past from $3 $OTHER $to from $2 $PORT"
	own_reset
}

sizes() { # FAMILY DST LARGEST
	local size dst to

	dst=$(at "$2" $PORT) to=$(through "$2" $PORT)
	for size in 1 1472 1473 9000 60000 "$3"; do
		is "UDP $1: $size bytes" "$(sock "udp$1" "ask=$dst,$size")" "${to% 2} $size"
	done
	none_direct "$1: none of them reaches the server"
}

check 4 $SERVER4 $EXTRA4
check 6 $SERVER6 $EXTRA6
sizes 4 $SERVER4 65507
sizes 6 $SERVER6 65487

mapped=[::ffff:$SERVER4]
is "TCP: ::ffff:a.b.c.d" "$(sock tcp6 "connect=$mapped:$PORT" say)" "$(through $SERVER4 $PORT)"
is "UDP: ::ffff:a.b.c.d" "$(sock udp6 "ask=$mapped:$PORT" "connect=$mapped:$PORT" say)" \
	"$(through $SERVER4 $PORT) $(through $SERVER4 $PORT)"
is "TCP: ::ffff:a.b.c.d, another port" "$(sock tcp6 "connect=$mapped:$OTHER" say)" "$(around)"
is "UDP: ::ffff:a.b.c.d, another port" "$(sock udp6 "ask=$mapped:$OTHER")" "$(around)"
none_direct "none of the former reaches the server"
if [[ $(r sysctl -n net.mptcp.enabled 2>/dev/null) == 1 ]]; then
	is "MPTCP" "$(sock mptcp4 "connect=$SERVER4:$PORT" say)" "$(through $SERVER4 $PORT)"
	is "MPTCP, IPv6" "$(sock mptcp6 "connect=[$SERVER6]:$PORT" say)" "$(through $SERVER6 $PORT)"
	none_direct "MPTCP does not reach the server"
fi
own_down
finish
