#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# action = audit: no audited flow is without a record when its table goes. When the state is removed
# or replaced, open flows end as drain, and those that a reset has ended need not wait. An upgrade
# and a relay that ends change nothing. An entry that cannot be deleted is logged once.
. "$(dirname "$0")/../lib/test.sh"

record_of() { # PORT
	grep -E "tcp $CLIENT4:$1 -> $SERVER4:7100 " "$RELAY_LOG" | grep -o 'end=.*'
}
has() { [[ $(record_of "$1") == "$2" ]]; } # PORT END

# hold PORT reset|open — a flow from this port that has sent 5 bytes; prints "held"
cat >"$WORK/hold.py" <<'PY'
import socket, struct, sys, time

sock = socket.create_connection((sys.argv[2], 7100), 20, ("", int(sys.argv[1])))
sock.sendall(b"12345")
sock.recv(1)
if sys.argv[3] == "reset":
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
print("held", flush=True)
time.sleep(300)
PY
cat >"$WORK/answer.py" <<'PY'
import socket, threading

listener = socket.create_server(("", 7100), backlog=64)
held = []
print("serving", flush=True)
while True:
    held.append(listener.accept()[0])
    held[-1].sendall(b"x")
PY
hold() { # PORT HOW
	c python3 "$WORK/hold.py" "$1" "$SERVER4" "$2" >"$WORK/held-$1" 2>&1 </dev/null &
	wait_for 20 grep -q held "$WORK/held-$1"
}
audited() {
	do_ok "attach" loader attach r0 --ports 85
	do_ok "an audit rule" loader rule add watch --action audit --ports 7100
}
registered() { relay_says 'registered in'; }

prepare
serve_run answer "$SERVER" python3 "$WORK/answer.py"
ok "the server is up" wait_for 10 grep -q serving "$WORK/log/answer"
audited
ok "the relay starts" relay_start
ok "and is registered" registered
ok "an open flow" hold 5001 open
ok "a flow that was reset" hold 5002 reset

# --- the same table again, as an upgrade pins it ---

ID=$(r bpftool map show pinned "$PINS/internal/audited" | cut -d: -f1)
r bpftool map pin id "$ID" "$PINS/internal/again"
mv "$PINS/internal/again" "$PINS/internal/audited"
ok "the reset ends after a while" wait_for 20 has 5002 'end=client-rst'
is "the open flow has not ended" "$(record_of 5001)" ""

# --- the relay ends ---

FIRST=$RELAY_LOG
relay_stop
is "nor does it with the relay" "$(record_of 5001)" ""
ok "another relay starts" relay_start
ok "and is registered" registered
ok "another flow that was reset" hold 5003 reset

# --- the state is removed ---

do_ok "detach --all" loader detach --all
ok "the open flow ends" wait_for 20 has 5001 'end=drain'
ok "the reset one, too" wait_for 8 has 5003 'end=client-rst'
is "it was logged here only" "$(grep -c ':5001 ' "$FIRST")" 0

# --- the state is replaced at once ---

audited
ok "an open flow" hold 5004 open
sleep 2 # the relay looks once a second, and says nothing
do_ok "another state" r bash -c "'$LOADER' --pin-dir $PINS -q detach --all && '$LOADER' --pin-dir $PINS -q attach r0 --ports 85"
ok "the open flow ends" wait_for 20 has 5004 'end=drain'
do_ok "an audit rule" loader rule add watch --action audit --ports 7100
ok "an open flow" hold 5005 open
sleep 2 # as above
do_ok "detach --all" loader detach --all
ok "of the new table each flow has its end, too" wait_for 20 has 5005 'end=drain'

# --- a program that does not delete ---

audited
r bpftool prog pin pinned "$PINS/progs/tproxy_report" "$PINS/progs/other"
relay_stop
mv "$PINS/progs/other" "$PINS/progs/tproxy_audit"
ok "the relay starts" relay_start --log-begin yes
ok "a flow" hold 5006 reset
ok "has its end" wait_for 30 grep -Eq ':5006 .*end=client-rst' "$RELAY_LOG"
ok "the relay says why" relay_says 'warn .*tproxy_audit does not change their table: Invalid argument'
ok "a later flow" hold 5007 reset
ok "has its end, too" wait_for 30 grep -Eq ':5007 .*end=client-rst' "$RELAY_LOG"
is "each is logged once" "$(grep -Ec ':500[67] .*end=' "$RELAY_LOG")" 2
at_most "and its begin" "$(grep -Ec ':5006 .*start$' "$RELAY_LOG")" 1
is "the warning, too" "$(grep -c 'does not change' "$RELAY_LOG")" 1
do_ok "detach" loader detach --all
finish
