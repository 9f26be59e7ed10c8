#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Without descriptors, or with a full queue at the device, datagrams are lost. The relay neither
# ends nor spins, and works as before when the shortage is over.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/udp.sh"
. "$(dirname "$0")/../lib/strace.sh"

cat >"$WORK/relay" <<-RELAY
	#!/bin/sh
	exec prlimit --nofile=64:64 setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource \
		"$RELAY" "\$@"
RELAY
chmod +x "$WORK/relay"

prepare nginx
serve_peer echo 7007
do_ok "attach" loader attach r0 --ports 80,udp/7007 --to 10.77.2.0/24,fd77:2::/64

RELAY=$WORK/relay
ok "a relay with 64 descriptors starts" relay_start
ok "new flows go through the relay" steering $SERVER4 $SERVER6
for to in $SERVER4 $SERVER6; do
	like "400 flows at once to $to" "$(flow "$to" 7007 count=2000 flows=400 window=50 idle=300)" " wrong 0 "
	at_most "use no more than those" "$(relay_fds)" 64
	lossless "one flow to $to has room" 5000 "$(flow "$to" 7007 count=5000)"
done
before=$(relay_ticks)
lossless "a slow flow" 20 "$(flow $SERVER4 7007 count=20 pause=50)"
at_most "costs little: nothing spins (ticks of 10 ms)" $(($(relay_ticks) - before)) 40
relay_stop
unlike "the limit was reached" "$(relay_ended .)" " 0 over a limit"

RELAY=$TOP/tproxy-relay
ok "a relay with all descriptors starts" relay_start
ok "new flows go through the relay" steering $SERVER4 $SERVER6
r tc qdisc add dev r1 root tbf rate 2mbit burst 3000 limit 6000
for to in $SERVER4 $SERVER6; do
	like "a flow to $to loses what the device has no room for" \
		"$(flow "$to" 7007 count=500 size=1200 window=100 gso=10 idle=300)" " lost [1-9][0-9]* wrong 0 "
done
r tc qdisc del dev r1 root
for to in $SERVER4 $SERVER6; do
	lossless "and none when there is room again" 20000 "$(flow "$to" 7007 count=20000 size=1200 gso=16)"
done
relay_stop
unlike "the relay counted them" "$(relay_ended .)" " 0 datagrams lost"

# As when fs.epoll.max_user_watches, which holds for the whole host, is reached.
strace_works
ok "a relay that can be traced starts" relay_start --no-seccomp
ok "new flows go through the relay" steering $SERVER4 $SERVER6
no_watches() {
	local family client server proto

	ok "it may watch no more descriptors" relay_traced
	for family in 4 6; do
		client=CLIENT$family server=SERVER$family
		for proto in tcp:80 udp:7007; do
			cpy "$([[ $proto == udp* ]] && echo udp-who || echo probe)" "${!server}" "${proto#*:}" >/dev/null 2>&1
			ok "${proto%:*} to ${!server} says that this is a limit" relay_says \
				"$(record "${proto%:*}" "${!client}" "${!server}" "${proto#*:}" '.*end=limit errno=ENOSPC$')"
		done
	done
}
inject epoll_ctl ENOSPC 1+ no_watches
for to in $SERVER4 $SERVER6; do
	lossless "afterwards all is as before with $to" 100 "$(flow "$to" 7007 count=100)"
done
finish
