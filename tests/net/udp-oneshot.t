#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A hundred thousand queries, each from a socket of its own, are answered. Afterwards the relay
# has as many sockets and as much memory as before.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/udp.sh"

prepare nginx
serve_peer echo 53
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,udp/53 --to 10.77.2.0/24,fd77:2::/64
ok "new flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset
idle_fds=$(relay_fds)

is "questions before the measurement" "$(c "$PEER" oneshot $SERVER4 53 5000)" 5000
is "are answered" "$(c "$PEER" oneshot $SERVER6 53 5000)" 5000
ok "and their sockets closed" wait_for 20 relay_fds_at_most "$idle_fds"
kb=$(relay_kb)
is "50000 questions over IPv4 are answered" "$(c "$PEER" oneshot $SERVER4 53 50000)" 50000
is "50000 questions over IPv6 are answered" "$(c "$PEER" oneshot $SERVER6 53 50000)" 50000
ok "all sockets are closed again" wait_for 20 relay_fds_at_most "$idle_fds"
at_most "and memory is back (kB)" "$(relay_kb)" $((kb + 2048))
bypass_none "no packet went past the relay"
finish
