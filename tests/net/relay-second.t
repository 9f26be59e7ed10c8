#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A second relay for the same pins is refused, and learns which process is there. With --join both
# share the flows. If one ends, the other has all flows within a second.
. "$(dirname "$0")/../lib/test.sh"

# cookies — of the relays' 64 slots, those that are filled
cookies() { bpftool -j map dump pinned "$PINS/socks" | python3 -c '
import json, sys
for e in json.load(sys.stdin):
	key = int.from_bytes(bytes(int(b, 16) for b in e["key"]), "little")
	if key < 64 and isinstance(e["value"], list):
		print(key, int.from_bytes(bytes(int(b, 16) for b in e["value"]), "little"))'; }
# filled [FILE] — how many; of those whose cookies are in FILE
filled() { if (($#)); then cookies | cut -d' ' -f2 | grep -cxFf "$1"; else cookies | wc -l; fi; }
filled_are() { [[ $(filled "${@:2}") == "$1" ]]; } # NUMBER [FILE]
note() { cookies | cut -d' ' -f2 | sort -u >"$WORK/$1"; }
empty() { # SLOT…
	local slot

	for slot in "$@"; do
		bpftool map delete pinned "$PINS/socks" key "$slot" 0 0 0 || return
	done
}
# second ARGS… — another relay, in the background
second() {
	SECOND_LOG=$WORK/log/second.$((SECOND_RUN += 1))
	"$RELAY" -n "$ROUTER" "$@" >"$SECOND_LOG" 2>&1 </dev/null &
	SECOND=$!
	disown "$SECOND"
	wait_for 10 grep -q listening "$SECOND_LOG"
}
second_says() { wait_for 10 grep -Eq -- "$1" "$SECOND_LOG"; }
SECOND_RUN=0
# takes_all DESCRIPTION — and how long it took
takes_all() {
	local begin=${EPOCHREALTIME/./}

	ok "$1" wait_for 10 filled_are 64
	echo "# after $(((${EPOCHREALTIME/./} - begin) / 1000)) ms"
}

prepare nginx dns

ok "the relay starts" relay_start --workers 2
ok "it says where it looks for the pins" relay_says "info $PINS: does not exist yet, .*attach IF.*--pin-dir"
do_ok "attach" loader attach r0 --ports 80,udp/53 --to 10.77.2.0/24,fd77:2::/64
ok "flows go through it" steering $SERVER4 $SERVER6
is "it reported that once" "$(grep -c 'does not exist yet' "$RELAY_LOG")" 1
is "all slots are filled" "$(filled)" 64
note first

# refused
"$RELAY" -n "$ROUTER" --listen 15012 >"$WORK/out" 2>"$WORK/err" </dev/null
is "a second relay is refused: exit status" $? 1
is "one sentence names the other relay and the next step" "$(<"$WORK/err")" \
	"tproxy-relay: $PINS: another relay is registered there, process $RELAY_PID, port 15002 (stop it, share its flows with --join, or choose another --pin-dir)"
is "the first one has all slots" "$(filled "$WORK/first")" 64
ok "and serves" via_relay $SERVER4
ok "other pins are no conflict" second --listen 15012 --pin-dir /sys/fs/bpf/other
stop "$SECOND"
ok "nor are listeners of a device" second --device r0 --listen 15012
stop "$SECOND"

# shared
ok "with --join it starts" second --listen 15012 --workers 2 --join
ok "and is registered" second_says "registered in $PINS, beside another relay"
is "half of the slots are its own" "$(filled) $(filled "$WORK/first")" "64 32"
both_serve() {
	whoami_at "$SERVER4"
	whoami_at "$SERVER6"
	grep -q ' tcp ' "$RELAY_LOG" && grep -q ' tcp ' "$SECOND_LOG"
}
ok "new flows go to both" wait_for 20 both_serve
is "UDP does too" "$(dig_at $SERVER4 test.tproxy A) $(dig_at $SERVER6 test.tproxy A)" \
	"10.77.2.200 10.77.2.200"
note both
bypass_reset
churn_start $SERVER4 80
churn_start $SERVER6 80
ok "slots of either can be emptied" empty {0..15}
takes_all "they are filled again"
is "with what the two had" "$(filled "$WORK/both")" 64
mine=$(filled "$WORK/first")
ok "both still have some" test "$mine" -gt 0 -a "$mine" -lt 64
ok "all of them can be" empty {0..63}
takes_all "they are filled again"
like "a line says it" "$(cat "$RELAY_LOG" "$SECOND_LOG")" 'slots were empty and are filled again'

# the second one ends, then the first one
stop "$SECOND"
takes_all "the second ends: the first one has its slots"
is "and no others" "$(filled "$WORK/first")" 64
ok "it serves" via_relay $SERVER4
ok "the second one joins again" second --listen 15012 --workers 2 --join
ok "and has its half" wait_for 10 filled_are 32 "$WORK/first"
relay_stop KILL
takes_all "the first is killed: the second one has its slots"
is "and no others" "$(filled "$WORK/first")" 0
note second
ok "it serves" via_relay $SERVER6
like "a first one without --join is refused now" "$("$RELAY" -n "$ROUTER" 2>&1 </dev/null)" \
	"process $SECOND, port 15012"
conf=$WORK/join.conf
printf '[relay]\njoin = yes\n' >"$conf"
ok "by the file it joins" relay_start -c "$conf" --workers 1
ok "and is registered" relay_says "registered in $PINS, beside another relay"
is "one worker beside two has a third" "$(filled) $(filled "$WORK/second")" "64 44"
note three
churn_stop
bypass_none "nothing went past all the time"
old=$RELAY_PID
ok "a restart takes over its part" relay_start -c "$conf" --workers 1
ok "the old one ends" wait_for 20 process_gone "$old"
cookies | cut -d' ' -f2 | sort -u >"$WORK/later"
same_text "nothing has changed hands" "$WORK/three" "$WORK/later"
stop "$SECOND"
takes_all "alone it has all"
relay_stop
is "with both ended the slots are empty" "$(filled)" 0

# both wait for pins
do_ok "detach" loader detach --all
ok "a relay without pins" relay_start
ok "another one" second --listen 15012
do_ok "attach" loader attach r0 --ports 80 --to 10.77.2.0/24,fd77:2::/64
ok "all slots are filled" wait_for 10 filled_are 64
waits() { grep -lq "not registered: another relay is .*--join" "$RELAY_LOG" "$SECOND_LOG"; }
ok "one of them waits, and reports it" wait_for 10 waits
ok "flows are relayed" steering $SERVER4
if grep -q "not registered" "$RELAY_LOG"; then
	stop "$SECOND"
else
	relay_stop
fi
takes_all "the one that has them ends: the other takes them"
ok "flows are relayed" steering $SERVER6
is "it has warned once" "$(cat "$RELAY_LOG" "$SECOND_LOG" | grep -c 'not registered')" 1

stop "$SECOND"
relay_stop
ok "a relay by itself" relay_start --workers 1
ok "is registered" relay_says "registered in"
begin=$(awk '{ print $14 + $15 }' "/proc/$(pgrep -x tproxy-registr)/stat")
sleep 3
echo "# its child takes $(($(awk '{ print $14 + $15 }' "/proc/$(pgrep -x tproxy-registr)/stat") - begin)) ticks of 10 ms in 3 s"
is "a full cone cannot be shared" "$("$RELAY" -n "$ROUTER" --udp-full-cone --join 2>&1 </dev/null)" \
	"tproxy-relay: join: not with udp-full-cone, where all flows of a client have to meet in one relay (leave one of them out)"
finish
