#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Many idle connections, up to 20 000 or what the limit of open files allows, and 500 new ones each
# second beside them: no error, and memory stays what it was. CROWD_SECONDS=60 for a full minute.
TEST_LIMIT=240
. "$(dirname "$0")/../lib/test.sh"

LOAD=$TOP/build/tests/helpers/load
[[ -x $LOAD ]] || skip_inside "$LOAD is not built (make tests)"
SECONDS_LONG=${CROWD_SECONDS:-12}
RATE=500

ulimit -n "$(ulimit -Hn)"
room=$(ulimit -n)
# two descriptors for each; a sixteenth, at most 1024, is kept in reserve, and the new ones need some
crowd=$(((room - (room > 16384 ? 1024 : room / 16)) / 2 - RATE / 2 - 200))
crowd=$((crowd < 20000 ? crowd : 20000))
[[ $crowd -ge 100 ]] || skip_inside "the limit of open files is $room"

prepare
for ns in "$CLIENT" "$ROUTER" "$SERVER"; do
	nsenter --net="/run/netns/$ns" sysctl -qw net.ipv4.ip_local_port_range='1024 65535' \
		net.ipv4.tcp_max_syn_backlog=8192 net.core.somaxconn=8192
done
serve_run load "$SERVER" "$LOAD" server 7007
wait_for 10 listening "$SERVER" tcp 7007 || fatal "the server starts"
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --port 7007
rss() { awk '/^VmRSS/ { print $2 * 1024 }' "/proc/$RELAY_PID/status"; }
ok "one flow" c "$LOAD" rr $SERVER4 7007 0.1 1 1
bypass_reset
empty=$(rss)

serve_run crowd "$CLIENT" "$LOAD" crowd $SERVER4 7007 "$SECONDS_LONG" "$crowd" $RATE
ok "$crowd connections are there" wait_for 120 grep -q up "$WORK/log/crowd"
full=$(rss)
each=$(((full - empty) / crowd))
at_most "the relay has grown by at most 1 KiB for each: $each bytes" $each 1024
crowd_over() { [[ $(wc -l <"$WORK/log/crowd") -ge 2 ]]; }
ok "$RATE more each second, for $SECONDS_LONG s" wait_for $((SECONDS_LONG + 60)) crowd_over
read -r dialled served failed < <(tail -n 1 "$WORK/log/crowd")
is "all of the $dialled were served" "$served $failed" "$dialled 0"
at_most "memory stays what it was" $(($(rss) - full)) 1048576
ok "nobody was shed" relay_silent 'end=(limit|evicted)|warn'
bypass_none "no packet went past the relay"
finish
