#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Datagrams from random sources take no more than their share, and flows that are answered
# continue. One source with many flows loses its own.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/udp.sh"

# a limit that even root cannot raise: a quarter of it is for UDP flows
cat >"$WORK/relay" <<-RELAY
	#!/bin/sh
	exec prlimit --nofile=4096:4096 setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource \
		"$RELAY" "\$@"
RELAY
chmod +x "$WORK/relay"
RELAY=$WORK/relay

finds_place() { [[ $(flow "$1" 7007 count=100 idle=300) == "sent 100 received 100 "* ]]; }

prepare nginx
serve_peer echo 7007
ok "the relay starts" relay_start --udp-per-source 200
do_ok "attach" loader attach r0 --ports 80,udp/7007 --to 10.77.2.0/24,fd77:2::/64
ok "new flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset
idle_fds=$(relay_fds)
kb=$(relay_kb)

like "300 flows of one source" "$(flow $SERVER4 7007 count=300 flows=300 window=10)" " wrong 0 "
at_most "leave no more than 200 at a time" "$(($(relay_fds) - idle_fds))" 205

for to in $SERVER4 $SERVER6; do
	flow_start "flow$to" "$to" 7007 count=3000 pause=1 window=32 idle=500
done
for to in $SERVER4 $SERVER6; do
	ok "a flow to $to is on its way" wait_for 20 answers_reach "flow$to" 1024
	ok "a flood from random sources" c "$PEER" flood "$to" 7007 200000
done
at_most "takes no more descriptors than are meant for it" "$(relay_fds)" $((idle_fds + 1024 + 128))
at_most "and not much memory (kB)" "$(relay_kb)" $((kb + 16384))
for to in $SERVER4 $SERVER6; do
	like "the flow to $to went on meanwhile" "$(flow_end "flow$to")" \
		"^sent 3000 received (2[0-9][0-9][0-9]|3000) lost [0-9]+ wrong 0 "
	# what is left of the flood in the listener's queue goes first
	ok "a new one finds its place" wait_for 20 finds_place "$to"
done
bypass_none "no packet went past the relay"
relay_stop
unlike "the limits were reached" "$(relay_ended .)" " 0 over a limit"
at_most "the log holds a part of it" "$(wc -l <"$RELAY_LOG")" 20000
finish
