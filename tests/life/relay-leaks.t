#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Under valgrind: the relay ends without a leak of memory or descriptors, and without an invalid
# access, whatever happened to its flows.
. "$(dirname "$0")/../lib/test.sh"

command -v valgrind >/dev/null || skip_inside "valgrind is not installed"
prepare peer
cat >"$WORK/relay-watched" <<-SCRIPT
	#!/bin/sh
	exec valgrind --vgdb=no --track-fds=yes --leak-check=full --show-leak-kinds=definite,possible \\
		--log-file=$WORK/log/valgrind.%p "$RELAY" "\$@"
SCRIPT
chmod +x "$WORK/relay-watched"
RELAY=$WORK/relay-watched
ok "the relay starts" relay_start --workers 2 --drain-timeout 2 --no-seccomp
do_ok "attach" loader attach r0 --ports 7007,7009

is "bulk" "$(play $SERVER4 send=3000000 send=3000000)" "client 3000000 same fin, server 3000000 same fin"
play $SERVER4 stall=1500,rcvbuf=4096,end=none send=3000000,end=rst >/dev/null
play $SERVER4 send=3000000,end=rst stall=1500,rcvbuf=4096,end=none >/dev/null
is "a reset, and bytes in a pipe" "$(play $SERVER4 stall=1000,stallat=2000000,end=none send=9000000,end=rst |
	sed 's/[0-9]* [a-zA-Z]* reset/reset/')" "client reset, server 0 same rst-sent"
is "no server there" "$(cpy probe $SERVER4 7009)" "connected reset"
is "no server there, IPv6" "$(cpy probe $SERVER6 7009)" "connected reset"
is "a refused destination" "$(r python3 "$LIB/net.py" probe 127.0.0.1 15002)" "connected reset"
play $SERVER4 end=none end=none,patience=60 >/dev/null &
ok "one flow is open at the end" wait_for 10 established r

pid=$RELAY_PID
kill -TERM "$pid"
ok "the relay ends" wait_for 30 process_gone "$pid"
RELAY_PID=
log=$WORK/log/valgrind.$pid
like "no leak of memory" "$(<"$log")" 'no leaks are possible|definitely lost: 0 bytes'
like "no memory error" "$(<"$log")" 'ERROR SUMMARY: 0 errors'
# what remains was opened by others: standard files, valgrind's log, the test's own
is "no descriptor is left" "$(grep -A1 -E 'Open (file|AF_)' "$log" | grep -vcE 'Open |inherited|--$')" 0
[[ $TAP_FAILED -eq 0 ]] || tap_comment <"$log"
finish
