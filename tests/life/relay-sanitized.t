#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The relay under address, leak and undefined behaviour sanitizers, in hard conditions: stalls,
# resets, promotions, lack of memory and of descriptors, reloads, take-overs, a drain. They report
# nothing.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/fault.sh"
. "$(dirname "$0")/../lib/strace.sh"

LOAD=$TOP/build/tests/helpers/load
UDPPEER=$TOP/build/tests/helpers/udppeer
SANITIZED=$TOP/build/tests/sanitized/tproxy-relay
for program in "$LOAD" "$UDPPEER" "$SANITIZED"; do
	[[ -x $program ]] || skip_inside "$program is not built (make tests)"
done
"$SANITIZED" --version >/dev/null 2>&1 || skip_inside "sanitizers do not run here"

prepare peer
serve_run load "$SERVER" "$LOAD" server 8080
serve_run udp443 "$SERVER" "$UDPPEER" echo 443
wait_for 10 listening "$SERVER" udp 443 || fatal "the UDP server starts"
wait_for 10 listening "$SERVER" tcp 8080 || fatal "the load's server starts"
cat >"$WORK/relay.conf" <<-CONF
	[relay]
	deny = 10.8.0.0/16, 10.9.0.0/16:80-90
	max-flows-per-source = 5000
	[pool some]
	10.77.1.101 = $SERVER4:7007
CONF
fault_relay "$SANITIZED"
reports() { cat "$WORK"/sanitizer/* 2>/dev/null; }
# hard ON ADDRESS — traffic of all kinds; how it fares does not matter
hard() {
	c "$LOAD" crr "$1" 8080 1 8 >/dev/null 2>&1 &
	c timeout 5 "$LOAD" bulk "$1" 8080 1 4 >/dev/null 2>&1 &
	c timeout 5 "$UDPPEER" flow "$1" 443 count=3000 window=32 gso=4 idle=200 flows=4 >/dev/null 2>&1 &
	cpy udp-error "$1" 9 >/dev/null 2>&1 &
	play "$1" send=3000000,end=rst stall=500,rcvbuf=4096,end=none,patience=3 >/dev/null 2>&1 &
	play "$1" stall=500,rcvbuf=4096,end=none,patience=3 send=9000000,end=rst >/dev/null 2>&1 &
	play "$1" send=30000,chunk=1,urgent=7 send=3000000,pause=5 >/dev/null 2>&1 &
	cpy probe "$1" 22 1 >/dev/null 2>&1 &
	wait
}

ok "the relay starts" relay_start -c "$WORK/relay.conf" --connect-timeout 3 --drain-timeout 2
do_ok "attach" loader attach r0 --ports 22,7007,8080,udp/9,udp/443
ok "flows go through the relay" wait_for 15 whole
bypass_reset
hard $SERVER4
hard $SERVER6
kill -HUP "$RELAY_PID"
ok "bulk is whole" whole 9000000

fault alloc 5 1000000 7
hard $SERVER4
kill -HUP "$RELAY_PID"
hard $SERVER6
read -r _ failed _ < <(fault off)
ok "allocations have failed: $failed" test "$failed" -gt 20
ok "the relay serves again" wait_for 10 whole

bulk_and_small() {
	whole 3000000
	c timeout 3 "$LOAD" crr "$SERVER4" 8080 0.3 8 >/dev/null 2>&1
}
if command -v strace >/dev/null; then
	for pair in accept4:EMFILE socket:ENFILE connect:ENOBUFS splice:ENOMEM epoll_ctl:ENOSPC recvmmsg:EINTR; do
		inject "${pair%:*}" "${pair#*:}" 2+3 bulk_and_small
	done
	ok "after failed system calls the relay serves again" wait_for 10 whole
fi

# two reliefs under load, the last one drains
hard $SERVER4 &
for n in 1 2; do
	old=$RELAY_PID
	ok "take-over $n" relay_start -c "$WORK/relay.conf" --connect-timeout 3 --drain-timeout 2 --workers $n
	ok "the old one ends" wait_for 20 process_gone "$old"
	is "without a report" "$(reports)" ""
done
wait $!
play $SERVER4 end=none end=none,patience=10 >/dev/null 2>&1 &
last=$RELAY_PID
whole
kill -TERM "$last"
ok "the last one ends" wait_for 20 process_gone "$last"
RELAY_PID=
is "each has logged its end" "$(grep -l ' ended: ' "$WORK"/log/relay.* | wc -l)" 3
is "no sanitizer has complained" "$(reports; grep -hE 'runtime error|Sanitizer' "$WORK"/log/relay.*)" ""
bypass_none "nothing went past the relay"
finish
