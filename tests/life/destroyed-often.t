#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Somebody destroys the relay's listeners again and again (KILLS times, 200), while connections come and
# go: neither the relay nor its helper loses a descriptor or spins, the log stays short, and
# afterwards everything works.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/destroy.sh"

KILLS=${KILLS:-200}

fds_of() { find "/proc/$1/fd" -mindepth 1 | wc -l; }
fds_at_most() { [[ $(fds_of "$1") -le $2 ]]; }
ticks_of() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

prepare nginx echo
destroy_ready || skip_inside "no SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY)"
ok "the relay starts" relay_start --workers 2
do_ok "attach" loader attach r0 --ports 80,udp/7007
ok "flows are relayed" steering $SERVER4 $SERVER6
HELPER=$(relay_helper)
LISTENERS=$(relay_listeners)
RELAY_FDS=$(fds_of "$RELAY_PID") HELPER_FDS=$(fds_of "$HELPER")

churn_start $SERVER4 80
for ((i = 0; i < KILLS; i++)); do
	destroy_tcp
	destroy_udp
done
churn_stop
lines=$(grep -c 'listener' "$RELAY_LOG")
ok "all listeners are back" wait_for 15 relay_listeners_are "$LISTENERS"
for to in $SERVER4 $SERVER6; do
	ok "flows to $to are relayed" wait_for 10 via_relay "$to"
	ok "datagrams to $to, too" wait_for 10 test "$(cpy udp "$to" 7007 10)" = 1
done
ok "status says ok" wait_for 10 verdict_is ok
# the flows above and the sockets of their answers have some
ok "the relay has lost no descriptor" wait_for 10 fds_at_most "$RELAY_PID" $((RELAY_FDS + 6))
ok "nor has its helper" fds_at_most "$HELPER" "$HELPER_FDS"
at_most "lines of log about it" "$lines" $((200 + KILLS * 2))
before=$(($(ticks_of "$RELAY_PID") + $(ticks_of "$HELPER")))
sleep 2
at_most "both are idle afterwards (ticks of 10 ms)" \
	$(($(ticks_of "$RELAY_PID") + $(ticks_of "$HELPER") - before)) 20
bypass_none "no packet went past the relay"
relay_stop
finish
