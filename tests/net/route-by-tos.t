#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Destinations that only a rule for a TOS or traffic class routes go through the proxy.
. "$(dirname "$0")/../lib/test.sh"

FAR4=10.66.0.1 FAR6=fd66::1

# asked ADDRESS TOS — how a connection with this TOS fares
asked() {
	c python3 - "$1" "$2" <<-'PY'
		import socket, sys
		v6 = ":" in sys.argv[1]
		sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET)
		level, name = (socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if v6 else (socket.IPPROTO_IP, socket.IP_TOS)
		sock.setsockopt(level, name, int(sys.argv[2], 0))
		sock.settimeout(5)
		try:
		    sock.connect((sys.argv[1], 80))
		    sock.sendall(b"GET /whoami HTTP/1.0\r\n\r\n")
		    text = b""
		    while data := sock.recv(4096):
		        text += data
		    print(text.split(b"\r\n\r\n")[1].split()[0].decode())
		except OSError as error:
		    print(type(error).__name__, error.errno)
	PY
}

prepare nginx
ip -n "$SERVER" addr add $FAR4/32 dev lo
ip -n "$SERVER" addr add $FAR6/128 dev lo nodad
ip -n "$ROUTER" route add $FAR4/32 via $SERVER4 table 200
ip -n "$ROUTER" route add $FAR6/128 via $SERVER6 table 200
ip -n "$ROUTER" rule add pref 1000 tos 0x10 lookup 200
ip -n "$ROUTER" -6 rule add pref 1000 tos 0x10 lookup 200
is "without us the server sees the client" "$(asked $FAR4 0x10) $(asked $FAR6 0x10)" "$CLIENT4 $CLIENT6"

ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80
ok "new flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset
is "with us it sees the router" "$(asked $FAR4 0x10) $(asked $FAR6 0x10)" "$ROUTER4 $ROUTER6"
bypass_none "nothing got past"
before=$(counter unrouted)
unlike "without the TOS there is no route" "$(asked $FAR4 0)" "$ROUTER4"
like "and that is counted" "$(($(counter unrouted) - before))" "^[1-9]"
finish
