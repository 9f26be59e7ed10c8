#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Urgent data passes as urgent, at its place in the stream, and the receiver gets SIGURG: as on a
# direct connection. Copied and spliced, in both directions; urgent bytes without end cost little.
. "$(dirname "$0")/../lib/test.sh"

prepare peer
for port in 7008 7009; do
	serve_run "urgent-$port" "$SERVER" python3 "$LIB/urgent.py" serve $port
	ok "a server listens" wait_for 10 listening "$SERVER" tcp $port
done
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 7007,7008 # but not 7009
bypass_reset

urgent() { c timeout 60 python3 "$LIB/urgent.py" "$@"; }
as_direct() { # DESCRIPTION SCRIPT WANTED [full]
	local way to

	for to in $SERVER4 $SERVER6; do
		for way in up down; do
			is "$1, $way ($to)" "$(urgent "$way" "$to" 7008 "$2" "${@:4}")" "$3"
		done
	done
	is "$1, direct" "$(urgent up $SERVER4 7009 "$2" "${@:4}")" "$3"
}

as_direct "one in a small flow" "3 - ! 3" "3 ! 3 fin urg"
as_direct "none" "100000" "100000 fin no-signal"
as_direct "the first byte" "! 3" "! 3 fin urg"
as_direct "the last byte before the FIN" "3 ?" "3 ! fin urg"
as_direct "nothing else" "?" "! fin urg"
as_direct "one after the other" "! ! 1 ! ! 5 !" "! ! 1 ! ! 5 ! fin urg"
as_direct "after as much as is read at once" "65536 ! 16384 ! 131072 ! 65535 !" \
	"65536 ! 16384 ! 131072 ! 65535 ! fin urg"
as_direct "in bulk" "3000000 ! 3000000 - ! 700 ! 3000000 ?" \
	"3000000 ! 3000000 ! 700 ! 3000000 ! fin urg"
as_direct "while the receiver is full" "20000000 ? 9" "20000000 ! 9 fin urg" full
bypass_none "no packet went past the relay"

# --- urgent bytes without end ---
spam() { # PORT — bytes, each urgent and in a packet of its own
	c timeout 60 python3 - "$1" <<-'PY'
		import socket, sys
		s = socket.create_connection(("10.77.2.2", int(sys.argv[1])), 10)
		s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
		s.sendall(b'{"id": "spam", "plan": {"send": 0, "seed": 1, "chunk": 1, "pace": 0, "pause": 0, '
		          b'"urgent": 0, "cork": 0, "after": "", "delay": 0, "stall": 0, "stallat": 0, '
		          b'"rcvbuf": 0, "sport": 0, "end": "fin", "linger": 0, "patience": 15}}\n')
		for i in range(20000):
		    s.send(b"u", socket.MSG_OOB)
		s.shutdown(socket.SHUT_WR)
		total = 0
		while data := s.recv(4096):
		    total += len(data)
		print("done")
	PY
}
before=$(relay_ticks)
is "20 000 urgent bytes pass" "$(spam 7007)" "done"
at_most "each costs no more than a packet does (ticks of 10 ms)" $(($(relay_ticks) - before)) 200
ok "all of them" wait_for 10 grep -q "^spam {'received': 20000," "$WORK/log/peer"
before=$(relay_ticks)
is "the relay serves on" "$(play $SERVER4 send=5000,seed=3 send=5000,seed=4)" \
	"client 5000 same fin, server 5000 same fin"
sleep 0.5
at_most "and sleeps (ticks of 10 ms)" $(($(relay_ticks) - before)) 10
finish
