#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A relay with few descriptors: the longest idle connection makes room, and busy ones stay. If
# none is idle, new connections are reset. The relay never spins, never ends, and recovers.
. "$(dirname "$0")/../lib/test.sh"

LOAD=$TOP/build/tests/helpers/load
[[ -x $LOAD ]] || skip_inside "$LOAD is not built (make tests)"
command -v setpriv >/dev/null || skip_inside "setpriv is not installed"

prepare peer
serve_run load "$SERVER" "$LOAD" server 7008
wait_for 10 listening "$SERVER" tcp 7008 || fatal "the load's server starts"
# without CAP_SYS_RESOURCE the limit stays
cat >"$WORK/relay-of-few" <<-SCRIPT
	#!/bin/sh
	ulimit -n 230
	exec setpriv --bounding-set -sys_resource --inh-caps -sys_resource "$RELAY" "\$@"
SCRIPT
chmod +x "$WORK/relay-of-few"
RELAY=$WORK/relay-of-few
ok "the relay starts" relay_start --workers 1 --max-flows-per-source 0
do_ok "attach" loader attach r0 --ports 7007,7008
is "it has the limit" "$(awk '/open files/ { print $4 }' "/proc/$RELAY_PID/limits")" 230
bypass_reset
base=$(relay_fds)

# One flow that is busy all the time, and was there first.
play $SERVER4 send=400,chunk=1,pace=30 send=400,chunk=1,pace=30 >"$WORK/busy" &
busy=$!
ok "a busy flow runs" wait_for 10 established r

# A crowd that fits, and then falls silent.
serve_run crowd1 "$CLIENT" "$LOAD" crowd $SERVER4 7008 60 60 0
crowd1=${SERVE_PIDS[-1]}
ok "60 idle connections" wait_for 10 grep -q up "$WORK/log/crowd1"
# they count as idle after two seconds
sleep 2.5
# another one that does not fit beside it
c "$LOAD" crowd $SERVER4 7008 1 60 0 >"$WORK/crowd2" 2>&1
is "60 more connections are all served" "$(head -n 1 "$WORK/crowd2")" up
ok "the longest idle have made room" relay_says "$(record tcp $CLIENT4 $SERVER4 7008 '.*end=evicted')"
stop "$crowd1"
wait $busy
is "the busy flow was left alone" "$(<"$WORK/busy")" "client 400 same fin, server 400 same fin"

# More at once than there is room for, none of them idle: the others are reset, at once.
c "$LOAD" rr $SERVER4 7008 3 150 1 >"$WORK/rr" 2>&1
read -r served _ failed <"$WORK/rr"
like "the flows that fit are served" "$((served > 1000))" 1
like "the others are reset" "$((failed > 10))" 1
ok "their records give the limit" relay_says "$(record tcp $CLIENT4 $SERVER4 7008 '.*end=limit errno=EMFILE')"
ok "the log reports it, once a minute" relay_says "warn accepting: .*Too many open files"
at_most "and only then" "$(grep -c 'warn accepting' "$RELAY_LOG")" 2
ok "all descriptors come back" wait_for 10 relay_fds_at_most "$base"

ok "the relay runs" kill -0 "$RELAY_PID"
is "a new flow is served" "$(play $SERVER4 send=1000 send=1000)" "client 1000 same fin, server 1000 same fin"
bypass_none "no packet went past the relay"
finish
