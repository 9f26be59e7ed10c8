#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Sockets of systemd: connections wait in them while the relay is away, and none is lost. Also
# what the relay reports to systemd, and how it refuses sockets that it cannot use.
. "$(dirname "$0")/../lib/test.sh"

DIR=$WORK/unit
activate() { # SOCKET… — a relay with these; its log is $RELAY_LOG
	rm -rf "$DIR"
	mkdir -m 755 "$DIR"
	RELAY_LOG=$WORK/log/relay.$((${RELAY_RUN:-0} + 1))
	RELAY_RUN=$((${RELAY_RUN:-0} + 1))
	nsenter --net="/run/netns/$ROUTER" -- python3 "$LIB/activate.py" "$DIR" "$@" \
		-- "$RELAY" --pin-dir "$PINS" --workers 1 --listen 15002 ${DEVICE:+--device $DEVICE} >"$RELAY_LOG" 2>&1 &
	UNIT=$!
	SERVE_PIDS+=("$UNIT")
	disown "$UNIT"
}
said() { grep -qx -- "$1" "$DIR/notify"; }
said_often() { [[ $(grep -cx -- "$1" "$DIR/notify") -ge $2 ]]; }
ended() { [[ $(wc -l <"$DIR/status") -ge $1 ]]; }
relay_pid() { tail -n 1 "$DIR/pid"; }

prepare nginx echo
activate tcp,127.0.0.1,15002 tcp,::1,15002 udp,127.0.0.1,15002 udp,::1,15002
ok "the relay is ready" wait_for 10 said READY=1
ok "and says which process it is" said "MAINPID=$(relay_pid)"
do_ok "attach" loader attach r0 --ports 80,7007,udp/7007 --to 10.77.2.0/24,fd77:2::/64
ok "flows go through the relay" steering $SERVER4 $SERVER6
is "datagrams too" "$(cpy udp $SERVER4 7007 10) $(cpy udp $SERVER6 7007 10)" "1 1"
ok "the watchdog is fed" wait_for 10 said_often WATCHDOG=1 3

# nobody accepts, but the handshake is done: the request waits
kill -KILL "$(relay_pid)"
ok "the relay is gone" wait_for 5 ended 1
c curl -gsS -m 30 "http://$SERVER4/whoami" >"$WORK/while4" 2>&1 &
waiting4=$!
c curl -gsS -m 30 "http://[$SERVER6]/whoami" >"$WORK/while6" 2>&1 &
waiting6=$!
queued() { [[ $(r ss -Htn state established "sport = :80" | wc -l) -ge 2 ]]; }
ok "two clients connect meanwhile" wait_for 10 queued
touch "$DIR/again"
wait $waiting4 $waiting6
like "the next relay serves them" "$(<"$WORK/while4")" "^$ROUTER4 "
like "both" "$(<"$WORK/while6")" "^$ROUTER6 "

kill -TERM "$(relay_pid)"
ok "SIGTERM ends it" wait_for 15 ended 2
is "with status 0" "$(tail -n 1 "$DIR/status")" 0
ok "systemd was notified" said STOPPING=1
stop "$UNIT" KILL

refused() { # DESCRIPTION SOCKET ERE
	activate "$2"
	ok "$1: it does not start" wait_for 10 ended 1
	like "$1: one line gives the reason" "$(<"$RELAY_LOG")" "^tproxy-relay: $3\$"
	stop "$UNIT" KILL
}
refused "not transparent" tcp,127.0.0.1,15002,opaque 'socket 3 of systemd, 127.0.0.1:15002: not transparent \(set Transparent=yes\)'
refused "not on loopback" tcp,0.0.0.0,15002 'socket 3 of systemd, 0.0.0.0:15002: not on loopback .*'
refused "bound to a device" tcp,127.0.0.1,15002,r0 'socket 3 of systemd, 127.0.0.1:15002: bound to a device \(give --device\)'
DEVICE=r0 refused "bound to another" tcp,127.0.0.1,15002,r1 'socket 3 of systemd, .*: not bound to the device of --device \(set BindToDevice=\)'
refused "another port" udp,::1,999 'socket 3 of systemd, \[::1\]:999: its port is not in --listen'
finish
