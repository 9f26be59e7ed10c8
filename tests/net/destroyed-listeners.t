#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Another program destroys the relay's listeners (ss -K), also under load: each is opened again within seconds, on its port and in its slots. Flows that exist continue, and the
# relay neither spins nor leaks.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/destroy.sh"

prepare nginx echo
destroy_ready || skip_inside "no SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY)"
ok "the relay starts" relay_start --workers 2
do_ok "attach" loader attach r0 --ports 80,7007,udp/7007
ok "flows are relayed" steering $SERVER4 $SERVER6
LISTENERS=$(relay_listeners)
is "it has two ports and another way" "$LISTENERS" "6 6"
FDS=$(relay_fds)

# --- flows that exist ---
for to in $SERVER4 $SERVER6; do
	cpy hold "$to" 7007 "$WORK/go" >"$WORK/hold-$to" 2>&1 &
	ok "a connection to $to" wait_for 10 grep -q up "$WORK/hold-$to"
done

# --- under load ---
more() { # ADDRESS N — N more connections are served soon
	local wanted=$(($(churned "$1" 1) + $2))

	wait_for 20 churned_more "$1" 1 "$wanted"
}
churn_start $SERVER4 80
churn_start $SERVER6 80
ok "connections come and go" more $SERVER4 20
TICKS=$(relay_ticks)
for round in 1 2 3; do
	destroy_tcp
	ok "round $round: new connections over IPv4" more $SERVER4 20
	ok "round $round: new connections over IPv6" more $SERVER6 20
	ok "round $round: all listeners are back" wait_for 10 relay_listeners_are "$LISTENERS"
done
churn_stop
at_most "the relay does not spin (ticks of 10 ms)" $(($(relay_ticks) - TICKS)) 300
ok "no descriptor is lost" wait_for 10 relay_fds_at_most $((FDS + 4))
touch "$WORK/go"
for to in $SERVER4 $SERVER6; do
	ok "the connection to $to has survived" wait_for 20 grep -q "done" "$WORK/hold-$to"
done
for name in "TCP 127\.0\.0\.1:15002" "TCP \[::1\]:15002" "TCP 127\.0\.0\.1:15006" "TCP \[::1\]:15006" \
	"TCP 127\.0\.0\.1:[0-9]+ of worker 1" "TCP \[::1\]:[0-9]+ of worker 1"; do
	ok "the log names $name" relay_says \
		"warn listener $name: another program destroyed it, as ss -K does; connections .* lost; opening it again"
	ok "and says that it is open again" relay_says "info listener $name: opened again"
done
is "no connection went past the relay" "$(churned $SERVER4 4) $(churned $SERVER6 4)" "0 0"
ok "status says ok" wait_for 10 verdict_is ok

# --- UDP ---
udp_works() { [[ $(cpy udp "$1" 7007 10) == 1 ]]; }
for round in 1 2 3; do
	destroy_udp
	for to in $SERVER4 $SERVER6; do
		ok "UDP, round $round: a flow to $to" wait_for 10 udp_works "$to"
	done
	ok "UDP, round $round: all listeners are back" wait_for 10 relay_listeners_are "$LISTENERS"
done
ok "one whose port we chose continues" relay_says \
	"warn listener UDP 127\.0\.0\.1:15002: another program aborted it, as ss -K does; it continues"
ok "one whose port the kernel chose was opened again" relay_says \
	"info listener UDP \[::1\]:[0-9]+ of worker 1: opened again"

# --- one that cannot say it: another relay has read its error ---
ok "the UDP listeners lose their ports in silence" r python3 "$LIB/destroy.py" silent "$RELAY_PID"
ok "those whose port the kernel chose are opened again" wait_for 20 relay_listeners_are "$LISTENERS"
ok "status says ok" wait_for 10 verdict_is ok
for to in $SERVER4 $SERVER6; do
	ok "after that, a flow to $to" wait_for 10 udp_works "$to"
done
ok "again" r python3 "$LIB/destroy.py" silent "$RELAY_PID"
ok "and at once another relay takes over" relay_start --workers 2
ok "status says ok" wait_for 10 verdict_is ok
ok "it has all listeners" wait_for 10 relay_listeners_are "$LISTENERS"

# --- everything at once ---
r ss -K -t -a >/dev/null
r ss -K -u -a >/dev/null
r ss -K -w -a >/dev/null
for to in $SERVER4 $SERVER6; do
	ok "all sockets of the router: TCP to $to" wait_for 10 via_relay "$to"
	ok "all sockets of the router: UDP to $to" wait_for 10 udp_works "$to"
done
ok "all listeners are back" wait_for 10 relay_listeners_are "$LISTENERS"
ok "status says ok" wait_for 10 verdict_is ok
bypass_none "no packet went past the relay"
relay_stop
finish
