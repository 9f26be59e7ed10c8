#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A proxy cannot answer a SYN that is signed with a key of its two ends (TCP MD5, as BGP uses it).
# It gets what on-proxy-down says, and is counted. Other SYNs of the same rule go through the
# proxy.
. "$(dirname "$0")/../lib/test.sh"

# signed SIDE serve|ask PEER — one connection to port 179 with a key, "connected" or the error
signed() {
	"$1" python3 - "$2" "$3" <<-'PY'
		import socket, struct, sys
		how, peer = sys.argv[1:]
		v6 = ":" in peer
		family = socket.AF_INET6 if v6 else socket.AF_INET
		raw = socket.inet_pton(family, peer)
		# struct tcp_md5sig: sockaddr_storage, flags, prefix length, key length, ifindex, key
		address = struct.pack("=HHI16sI", family, 0, 0, raw, 0) if v6 else \
		    struct.pack("=HH4s", family, 0, raw)
		sig = address.ljust(128, b"\0") + struct.pack("=BBHi80s", 0, 0, 6, 0, b"secret")
		sock = socket.socket(family)
		if v6:
		    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
		sock.settimeout(20 if how == "serve" else 4)
		sock.setsockopt(socket.IPPROTO_TCP, 14, sig)
		try:
		    if how == "serve":
		        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		        sock.bind(("", 179))
		        sock.listen()
		        print("listening", flush=True)
		        while True:
		            sock.accept()[0].close()
		    sock.connect((peer, 179))
		    print("connected")
		except OSError as error:
		    print("timeout" if isinstance(error, TimeoutError) else error.strerror)
	PY
}

prepare
for peer in $CLIENT4 $CLIENT6; do
	signed s serve "$peer" >"$WORK/log/server.$peer" 2>&1 &
	ok "the server for $peer listens" wait_for 10 grep -q listening "$WORK/log/server.$peer"
done
is "without us signed connections work" "$(signed c ask $SERVER4) $(signed c ask $SERVER6)" \
	"connected connected"
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 179
before=$(counter unanswerable) steered=$(counter steered)
is "they are dropped: no other host can answer" "$(signed c ask $SERVER4)" timeout
like "which is counted" "$(($(counter unanswerable) - before))" "^[1-9]"
is "they are not counted as steered" "$(($(counter steered) - steered))" 0
do_ok "on-proxy-down = pass" loader attach r0 --ports 179 --on-proxy-down pass
is "then they are the server's" "$(signed c ask $SERVER4) $(signed c ask $SERVER6)" \
	"connected connected"
before=$(counter steered)
cpy probe $SERVER4 179 3 >"$WORK/unsigned"
is "an unsigned one still goes to the proxy" "$(($(counter steered) - before))" 1
finish
