#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Data directly after the ACK that completes the handshake, while another CPU still makes the
# connection: it never reaches the listener, which would reset a live connection.
. "$(dirname "$0")/../lib/test.sh"

EAGER=$TOP/build/tests/helpers/eager
LOAD=$TOP/build/tests/helpers/load
[[ -x $EAGER && -x $LOAD ]] || fatal "tests/helpers/eager and load are built (make tests)"
COUNT=${COUNT:-50000} # connections, of both families together

# What comes in by c0, the SYN-ACK that the ACK answers, is for either CPU, wherever the SYN was sent.
spread() { c unshare -m sh -c "mount -t sysfs sysfs /sys && echo $1 >/sys/class/net/c0/queues/rx-0/rps_cpus"; }

eager() { # ADDRESS — its words in SERVED RESET OTHER
	try c "$EAGER" "$1" 80 $((COUNT / 2)) 40
	read -r SERVED RESET OTHER <<<"$OUT"
	echo "# $1: $SERVED served, $RESET reset, $OTHER otherwise"
}

# without a line for each connection
relay_quiet() {
	"$RELAY" -n "$ROUTER" --log-level warn >"$WORK/log/relay" 2>&1 </dev/null &
	RELAY_PID=$!
	disown "$RELAY_PID"
	wait_for 10 listening "$ROUTER" tcp 15002
}
served_one() { [[ $(c "$EAGER" "$SERVER4" 80 1 5) == "1 0 0" ]]; }

prepare
serve_run load "$SERVER" "$LOAD" server 80
wait_for 10 listening "$SERVER" tcp 80 || fatal "the server starts"
ok "the relay starts" relay_quiet
do_ok "attach" loader attach r0 --ports 80
ok "flows go through the relay" wait_for 10 served_one
ok "packets are spread over the CPUs" spread "$(printf %x $(((1 << $(nproc)) - 1)))"
for to in $SERVER4 $SERVER6; do
	bypass_reset
	eager "$to"
	is "$to: no connection is reset" "$RESET" 0
	is "$to: nor lost otherwise" "$OTHER" 0
	is "$to: all are served" "$SERVED" $((COUNT / 2))
	bypass_none "$to: no packet went past the relay"
done
finish
