#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A link with a smaller MTU whose ICMP errors are lost. A limit for segments in forward lets direct
# connections work; those of the relay hang, until the cure of doctor gives them the same limit.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/schema.sh
. "$LIB/schema.sh"
# shellcheck source=tests/lib/doctor.sh
. "$LIB/doctor.sh"

# silently drops what is larger than 1300 bytes, in both directions between router and server
narrow() {
	local side device

	for side in r:r1 s:s0; do
		device=${side#*:}
		"${side%:*}" ethtool -K "$device" tso off gso off gro off >/dev/null || return
		"${side%:*}" nft "add table netdev narrow; add chain netdev narrow in {
			type filter hook ingress device $device priority 0; };
			add rule netdev narrow in meta length > 1300 drop" || return
	done
}

cat >"$WORK/echo.py" <<-'PY'
	import socket
	listener = socket.create_server(("::", 7007), family=socket.AF_INET6, dualstack_ipv6=True)
	while True:
	    peer, _ = listener.accept()
	    peer.settimeout(8)
	    data = b""
	    try:
	        while len(data) < 200000:
	            data += peer.recv(65536) or exit()
	        peer.sendall(data)
	    except OSError:
	        pass
	    peer.close()
PY
cat >"$WORK/ask.py" <<-'PY'
	import socket, sys
	peer = socket.create_connection((sys.argv[1], 7007), timeout=float(sys.argv[2]))
	got = 0
	try:
	    peer.sendall(bytes(200000))
	    while got < 200000:
	        more = len(peer.recv(65536))
	        if not more:
	            break
	        got += more
	except OSError:
	    pass
	print(got)
PY
echoed() { c python3 "$WORK/ask.py" "$@"; } # ADDRESS SECONDS

prepare nginx
command -v ethtool >/dev/null || skip_inside "ethtool is not installed (scripts/deps installs it)"
r ip route add default via $SERVER4
r ip -6 route add default via $SERVER6
serve_run echoes "$SERVER" python3 "$WORK/echo.py"
wait_for 10 listening "$SERVER" tcp 7007 || fatal "the server listens"
ok "the link gets narrow" narrow
is "direct connections hang" "$(echoed $SERVER4 2)" 0
ok "a limit in forward" r nft 'add table inet clamp; add chain inet clamp forward {
	type filter hook forward priority mangle; };
	add rule inet clamp forward tcp flags syn tcp option maxseg size set 1200'
is "lets direct connections work" "$(echoed $SERVER4 20) $(echoed $SERVER6 20)" "200000 200000"

ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,7007
ok "flows go through the relay" steering $SERVER4 $SERVER6
is "relayed connections hang" "$(echoed $SERVER4 2)" 0
fault mss-clamp true
cure
is "after the cure they work" "$(echoed $SERVER4 20) $(echoed $SERVER6 20)" "200000 200000"
ok "through the relay" relay_says "$(record tcp $CLIENT4 $SERVER4 7007)"
finish
