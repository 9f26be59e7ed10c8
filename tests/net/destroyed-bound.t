#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Listeners that are bound to a device, or come from systemd, or belong to a relay among several, are
# opened again, too, when another program has destroyed them; and the next start is not disturbed.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/destroy.sh"

udp_works() { [[ $(cpy udp "$1" 7007 10) == 1 ]]; }
works() { # DESCRIPTION
	for to in $SERVER4 $SERVER6; do
		ok "$1: TCP to $to" wait_for 15 via_relay "$to"
		ok "$1: UDP to $to" wait_for 15 udp_works "$to"
	done
}
# bound — how many listeners of the relay are bound to r0
bound() { r ss -Htuanp | grep -c '%r0:15002 .*tproxy-relay'; }
bound_are() { [[ $(bound) == "$1" ]]; }

prepare nginx echo
destroy_ready || skip_inside "no SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY)"

# --- bound to a device ---
ok "a relay for r0" relay_start --device r0 --listen 15002
do_ok "attach" loader attach r0 --ports 80,7007,udp/7007 --proxy 15002
works "bound"
is "its listeners are bound" "$(bound)" 4
for round in 1 2; do
	destroy_tcp
	destroy_udp
	works "bound, round $round"
	ok "all are bound again" wait_for 10 bound_are 4
done
r python3 "$LIB/destroy.py" shut "$RELAY_PID"
works "bound and shut down"
ok "all are bound again" wait_for 10 bound_are 4
ok "status says ok" wait_for 10 verdict_is ok
relay_stop
do_ok "detach" loader detach --all

# --- of systemd ---
DIR=$WORK/unit
mkdir -m 755 "$DIR"
RELAY_LOG=$WORK/log/relay.unit
serve_run relay.unit "$ROUTER" python3 "$LIB/activate.py" "$DIR" tcp,127.0.0.1,15002 tcp,::1,15002 \
	udp,127.0.0.1,15002 udp,::1,15002 -- "$RELAY" --pin-dir "$PINS" --workers 1 --listen 15002
UNIT=${SERVE_PIDS[-1]}
ended() { [[ $(wc -l <"$DIR/status") -ge $1 ]]; }
ready() { [[ $(grep -cx READY=1 "$DIR/notify") -ge $1 ]]; }
ok "a relay with systemd's sockets" wait_for 10 ready 1
do_ok "attach" loader attach r0 --ports 80,7007,udp/7007
works "of systemd"
for round in 1 2; do
	destroy_tcp
	destroy_udp
	works "of systemd, round $round"
done
ok "the log says so" relay_says 'info listener TCP 127\.0\.0\.1:15002: opened again'
kill -TERM "$(tail -n 1 "$DIR/pid")"
ok "it ends" wait_for 40 ended 1
touch "$DIR/again"
ok "it starts again with the dead sockets" wait_for 10 ready 2
ok "and says so" relay_says 'warn 2 listeners that we were given were destroyed by another program'
works "of systemd, after a restart"
stop "$UNIT" KILL
kill -KILL "$(tail -n 1 "$DIR/pid")" 2>/dev/null
ok "it is gone" wait_for 10 relay_gone

# --- a hand-over afterwards ---
ok "a relay with two workers" relay_start --workers 2
works "before a hand-over"
destroy_tcp
destroy_udp
works "destroyed before a hand-over"
old=$RELAY_PID
ok "another one takes over" relay_start --workers 2
ok "the old one ends" wait_for 90 process_gone "$old"
works "after a hand-over"
LISTENERS=$(relay_listeners)
is "no listener is left over" "$LISTENERS" "6 6"
destroy_tcp
works "destroyed after a hand-over"
ok "all listeners are back" wait_for 10 relay_listeners_are "$LISTENERS"
ok "status says ok" wait_for 10 verdict_is ok
relay_stop

# --- one of several ---
ok "a relay that shares" relay_start --workers 1 --join
"$RELAY" -n "$ROUTER" --workers 1 --join --listen 15012 >"$WORK/log/second" 2>&1 </dev/null &
SERVE_PIDS+=($!)
disown $!
ok "and another one" wait_for 10 grep -q 'registered in .*, beside another relay' "$WORK/log/second"
works "shared"
LISTENERS=$(relay_listeners)
for round in 1 2; do
	destroy_tcp
	destroy_udp
	works "shared, round $round"
	ok "all listeners are back" wait_for 10 relay_listeners_are "$LISTENERS"
done
ok "status says ok" wait_for 10 verdict_is ok
bypass_none "no packet went past the relay"
finish
