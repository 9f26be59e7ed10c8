#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Who may take the listeners, and from whom they are taken: root only. Others who ask, or who sit
# where a relay is expected, get nothing and stop nobody; a start that fails leaves the old relay alone.
. "$(dirname "$0")/../lib/test.sh"

# A client, or a squatter, of the abstract socket; as another user with "nobody".
cat >"$WORK/handover.py" <<'PY'
import os, socket, sys, time
what, user, port = sys.argv[1:]
if user == "nobody":
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
name = f"\0tproxy-relay/{port}"
if what == "ask":
    sock.connect(name)
    sock.settimeout(10)
    data, fds, _, _ = socket.recv_fds(sock, 4096, 100)
    print(len(data), len(fds))
    if len(sys.argv) > 4:
        sock.send(b"x")
    sys.exit()
sock.bind(name)
sock.listen()
print("there", flush=True)
while True:
    peer = sock.accept()[0]
    if what == "babble":
        peer.send(b"not what a relay says")
    time.sleep(0 if what == "babble" else 600)
PY
handover() { r python3 "$WORK/handover.py" "$@"; }
sit() { # WHAT USER
	nsenter --net="/run/netns/$ROUTER" -- python3 "$WORK/handover.py" "$1" "$2" 15002 >"$WORK/sits" 2>&1 &
	SITS=$!
	disown "$SITS"
	wait_for 10 grep -q there "$WORK/sits"
}
refused() { # DESCRIPTION ERE RELAY-OPTION…
	local what=$1 pattern=$2 said
	shift 2

	said=$("$RELAY" -n "$ROUTER" "$@" 2>&1 </dev/null)
	is "$what: exit status" $? 1
	like "$what: one line gives the reason" "$said" "^tproxy-relay: $pattern\$"
}

prepare nginx
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80 --to 10.77.2.0/24,fd77:2::/64
ok "flows go through the relay" steering $SERVER4 $SERVER6

status_of() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$RELAY_PID/task/"*/status | sort -u; }
is "all threads: no new privileges" "$(status_of NoNewPrivs)" 1
is "all threads: system calls are filtered" "$(status_of Seccomp)" 2
is "all threads: the user id of nobody" "$(status_of Uid | tr -s '\t' ' ')" "65534 65534 65534 65534"
is "all threads: no capability but those for foreign addresses and low ports" \
	"$((0x$(status_of CapPrm) & ~((1 << 13) | (1 << 10))))" 0

is "another user asks for the listeners: nothing" "$(handover ask nobody 15002)" "0 0"
ok "the log says so" relay_says 'warn hand-over: refused'
like "root gets them" "$(handover ask root 15002)" '^[1-9][0-9]* [1-9][0-9]*$'
ok "but takes nothing over" relay_says 'warn hand-over: the other relay is gone, continuing'
ok "flows are served" via_relay $SERVER4

first=$RELAY_PID
refused "a new relay with an unknown user" 'user nosuch: unknown .*' --user nosuch
ok "the old one continues" via_relay $SERVER4
refused "a new relay whose other port is taken" 'listener TCP 127.0.0.1:15002: Address already in use .*' --listen 15009,15002
ok "the old one continues" via_relay $SERVER6
nok "as the same process" process_gone "$first"

freeze "$first"
refused "a relay that does not answer" 'hand-over: the relay that serves port 15002 does not give its listeners: no answer .*'
kill -CONT "$first"
ok "another one can still take over" relay_start
ok "and goes" wait_for 20 process_gone "$first"
ok "flows are served" via_relay $SERVER4
relay_stop

ok "another user sits where the relay should be" sit wait nobody
ok "the relay starts nevertheless" relay_start
ok "and warns" relay_says 'hand-over: .* the next start cannot take over'
ok "flows are served" steering $SERVER4
relay_stop
stop "$SITS" KILL
ok "a program of root that is no relay has the place" sit babble root
refused "a start" 'hand-over: the relay that serves port 15002 is of another version .*'
stop "$SITS" KILL
ok "with the place empty the relay starts" relay_start
ok "flows are served" steering $SERVER4

# two that do not know of each other
other=$RELAY_PID
"$RELAY" -n "$ROUTER" --listen 15020 --pin-dir /nonexistent >"$WORK/log/other" 2>&1 &
second=$!
ok "a relay on another port is another relay" wait_for 10 grep -q 'listening on 15020' "$WORK/log/other"
nok "it takes nothing over" grep -q taking "$WORK/log/other"
nok "the first one runs" process_gone "$other"
stop $second
ok "with --no-seccomp a relay takes over, too" relay_start --no-seccomp
is "no filter then" "$(status_of Seccomp)" 0
finish
