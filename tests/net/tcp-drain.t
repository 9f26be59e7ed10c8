#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# After SIGTERM flows may end by themselves until the drain time-out, and the rest is reset. A
# second SIGTERM resets them at once. The relay takes no new flow meanwhile.
. "$(dirname "$0")/../lib/test.sh"

prepare peer
ok "the relay starts" relay_start --drain-timeout 60
do_ok "attach" loader attach r0 --ports 7007
bypass_reset
flows() { [[ $(r ss -Htn state established "sport = :7007" | wc -l) -eq $1 ]]; }
ended() { grep -q 'info ended: ' "$RELAY_LOG" && process_gone "$RELAY_PID"; }

# Both sides still have much to say; one of them has half closed before the end.
play $SERVER4 send=100,chunk=1,pace=40 send=90000,chunk=1000,pace=40 >"$WORK/slow" &
slow=$!
ok "a flow runs" wait_for 10 flows 1
kill -TERM "$RELAY_PID"
ok "the relay drains" relay_says 'info draining for up to 60 s'
ok "its listeners are closed" wait_for 10 relay_gone
is "no new flow is accepted" "$(cpy probe $SERVER4 7007 1)" timeout
nok "the relay continues while a flow runs" process_gone "$RELAY_PID"
ok "and ends with it" wait_for 30 ended
ok "the flow ended as ever" relay_says "$(record tcp $CLIENT4 $SERVER4 7007 '.* up=[0-9]+ down=90000 .*end=(client|server)-fin')"

ok "the next relay starts" relay_start --drain-timeout 60
# what the flow before asks the server after its end goes through this one
wait $slow
is "it got all bytes" "$(<"$WORK/slow")" "client 90000 same fin, server 100 same fin"

hold() { # the two ends of a silent flow, as they see it end
	play "$SERVER4" end=none,patience=30 end=none,patience=30 >"$WORK/held" &
	held=$!
	wait_for 10 flows 1
}
is_reset() { # DESCRIPTION
	ok "$1" wait_for 20 ended
	ok "its record has that end" relay_says "$(record tcp $CLIENT4 $SERVER4 7007 '.*end=drain')"
	ok "another relay starts" relay_start --drain-timeout 2
	wait "$held"
	is "either side was reset" "$(<"$WORK/held")" "client 0 same reset, server 0 same reset"
}

ok "a silent flow runs" hold
kill -TERM "$RELAY_PID"
ok "the relay drains" relay_says 'info draining'
kill -TERM "$RELAY_PID"
is_reset "a second SIGTERM ends it at once"
ok "a silent flow runs" hold
kill -TERM "$RELAY_PID"
is_reset "the drain time-out ends it"
bypass_none "no packet went past the relay"
finish
