#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Listeners that cannot be opened again, because another process has their port or the helper is
# gone: status and test report them, the log names the process, the other workers take the flows, and
# a relay without any listener ends with status 1.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/destroy.sh"

# ids — the problems that status reports
ids() { loader -j status | json_value "' '.join(sorted(set(p['id'] for p in o['problems']))) or '-'"; }
udp_works() { [[ $(cpy udp "$1" 7007 10) == 1 ]]; }
relay_over() { process_gone "$RELAY_PID"; }
# started as a child of this shell, so that its status can be read
relay_child() { # ARG…
	RELAY_LOG=$WORK/log/relay.$((${RELAY_RUN:-0} + 1))
	RELAY_RUN=$((${RELAY_RUN:-0} + 1))
	"$RELAY" -n "$ROUTER" "$@" >"$RELAY_LOG" 2>&1 </dev/null &
	RELAY_PID=$!
	wait_for 10 grep -q listening "$RELAY_LOG"
}
ends_with() { # DESCRIPTION STATUS
	local status

	ok "$1: it ends" wait_for 60 relay_over
	wait "$RELAY_PID"
	status=$?
	is "$1: with status $2" "$status" "$2"
	RELAY_PID=
}

prepare nginx echo
destroy_ready || skip_inside "no SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY)"
ok "the relay starts" relay_start --workers 1
do_ok "attach" loader attach r0 --ports 80,7007,udp/7007
ok "flows are relayed" steering $SERVER4 $SERVER6
LISTENERS=$(relay_listeners)

# --- another process takes the port ---
ok "another process takes the port for TCP" squat 15002 tcp
ok "the log says so" relay_says \
	'error listener TCP 127\.0\.0\.1:15002: cannot be opened again: .*(user 0|process) .*has the port \(stop it; trying again\)'
is "status says broken" "$(verdict)" broken
is "for one reason" "$(ids)" no-listener
like "and what to do" "$(loader status)" 'the relay has no listener for TCP: .*\(.*log of tproxy-relay.*\)'
like "it does not count TCP" "$(loader status)" $'\nrelay: udp4 udp6 registered\n'
try loader test tcp $CLIENT4 $SERVER4:80
is "test says that the flow does not arrive" "$RC" 5
ok "UDP works meanwhile" udp_works $SERVER4
stop "$SQUAT_PID" KILL
ok "when the process is gone, the port is opened" relay_says 'info listener TCP 127\.0\.0\.1:15002: opened again'
for to in $SERVER4 $SERVER6; do
	ok "flows to $to work again" wait_for 15 via_relay "$to"
done
ok "status says ok" wait_for 10 verdict_is ok

# --- of one family only: the relay itself has the port of the other one ---
ok "another process takes the port for TCP over IPv6" squat 15002 tcp 6
ok "the log names it, not the relay" relay_says \
	"error listener TCP \\[::1\\]:15002: cannot be opened again: (a process of user 0|python3.*, process $SQUAT_PID) has the port"
ok "IPv4 works meanwhile" wait_for 15 via_relay $SERVER4
stop "$SQUAT_PID" KILL
ok "when the process is gone, the port is opened" relay_says 'info listener TCP \[::1\]:15002: opened again'
ok "IPv6 works again" wait_for 15 via_relay $SERVER6
relay_stop

# --- shut down ---
ok "the relay starts with two workers" relay_start --workers 2
ok "flows are relayed" steering $SERVER4 $SERVER6
LISTENERS=$(relay_listeners)
r python3 "$LIB/destroy.py" shut "$RELAY_PID"
for to in $SERVER4 $SERVER6; do
	ok "shut down: TCP to $to" wait_for 10 via_relay "$to"
	ok "shut down: UDP to $to" wait_for 10 udp_works "$to"
done
ok "all listeners are back" wait_for 10 relay_listeners_are "$LISTENERS"
ok "all classes are named" relay_says 'info listener UDP \[::1\]:15002: opened again'
ok "status says ok" wait_for 10 verdict_is ok
ok "another process takes the port for TCP" squat 15002 tcp
ok "the log says so" relay_says 'error listener TCP 127\.0\.0\.1:15002: cannot be opened again'
for ((i = 0; i < 16; i++)); do
	via_relay $SERVER4 || break
done
is "the other worker takes all new flows" "$i" 16
stop "$SQUAT_PID" KILL
ok "the port is opened" relay_says 'info listener TCP 127\.0\.0\.1:15002: opened again'
relay_stop

# --- a stopped relay cannot do anything about it ---
ok "the relay starts" relay_start
ok "flows are relayed" steering $SERVER4 $SERVER6
kill -STOP "$RELAY_PID" "$(relay_helper)"
destroy_tcp
is "stopped: status says broken" "$(verdict)" broken
like "stopped: the listeners are dead" "$(loader status)" $'\nrelay: udp4 udp6 registered, tcp4 tcp6 dead '
is "stopped: also as JSON" "$(loader -j status | json_value "o['relay']['tcp4'], o['relay']['dead']")" \
	"(False, ['tcp4', 'tcp6'])"
try loader test tcp $CLIENT4 $SERVER4:80
is "stopped: test says that the flow does not arrive" "$RC" 5
kill -CONT "$RELAY_PID" "$(relay_helper)"
ok "it runs again: flows work" wait_for 10 via_relay $SERVER4
ok "it runs again: status says ok" wait_for 10 verdict_is ok
relay_stop

# --- nothing can be opened ---
ok "a relay with one worker and one port" relay_child --workers 1 --listen 15002
ok "flows are relayed" steering $SERVER4 $SERVER6
ok "another process takes the port for TCP" squat 15002 tcp
tcp_squatter=$SQUAT_PID
ok "and for UDP" squat 15002 udp shut
udp_squatter=$SQUAT_PID
ok "the log says that it ends" wait_for 60 grep -q \
	'error no listener is left, and none can be opened: ending, so that the service manager starts' "$RELAY_LOG"
ends_with "nothing listens" 1
stop "$tcp_squatter" KILL
stop "$udp_squatter" KILL

ok "a relay without its helper" relay_child --workers 1
ok "flows are relayed" steering $SERVER4 $SERVER6
kill -KILL "$(relay_helper)"
ok "the log says so" relay_says 'error registrar: ended unexpectedly'
ok "its listeners work" via_relay $SERVER4
destroy_tcp
ends_with "no helper" 1

# --- a proxy of somebody else ---
loader -q detach --all
serve_haproxy || fatal "haproxy"
do_ok "attach to haproxy" loader attach r0 --ports 80 --proxy 3129
ok "its flows arrive" via_relay $SERVER4
ok "status says ok" wait_for 10 verdict_is ok
haproxy_pid=$(pgrep -x haproxy | head -n 1)
kill -STOP "$haproxy_pid"
destroy_tcp
is "its listener is destroyed: status says broken" "$(verdict)" broken
is "its listener is destroyed: why" "$(ids)" no-listener
try loader test tcp $CLIENT4 $SERVER4:80
is "its listener is destroyed: test says so" "$RC" 5
kill -CONT "$haproxy_pid"
bypass_none "no packet went past the relay"
finish
