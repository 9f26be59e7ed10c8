#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Watch sessions: several at once, no more than there are slots; those that were killed or stopped
# lose their slot and cost nothing; a state of an older build gets what it lacks.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/schema.sh"
. "$(dirname "$0")/../lib/trace.sh"

bytes_of() { # PIN — the only value of a map, in decimal
	bpftool -j map dump pinned "$PINS/$1" |
		python3 -c 'import json,sys; print(*[int(b, 16) for b in json.load(sys.stdin)[0]["value"]])'
}
wanted() { bytes_of internal/watch | cut -d ' ' -f 1; } # packets are bit 0, events bit 1
rings() { bpftool -j map dump pinned "$PINS/internal/watch_rings" |
	python3 -c 'import json,sys; print(sum("value" in e and "error" not in e["value"] for e in json.load(sys.stdin)))'; }
# after a packet: of the next event the data path is asked once more, which is rare
unwatched() {
	c ping -c 1 -W 1 "$SERVER4" >/dev/null
	(($(wanted) % 2 == 0))
}
# is a slot that of a session that does not live?
expired() {
	bpftool -j map dump pinned "$PINS/internal/watchers" | python3 -c '
import json, sys, time
now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
used = [e["formatted"]["value"] for e in json.load(sys.stdin) if e["formatted"]["value"]["owner"]]
sys.exit(all(w["until_ns"] > now for w in used))'
}
page() { c curl -gsS -m 20 -o "$WORK/page" "http://$SERVER4/"; }
shows() { page && traced "$1" dst_port=80 verdict=steer; }

prepare nginx
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80
ok "new flows go through the relay" steering $SERVER4
is "nobody watches: the data path is not asked" "$(wanted)" 0

# ---- several ----

read -ra before < <(bytes_of config)
for i in 1 2 3 4 5 6 7; do
	trace_start "t$i" --port 80 || fatal "trace starts"
done
"$LOADER" -n "$ROUTER" monitor -j >"$WORK/m" 2>"$WORK/log/m" </dev/null &
monitor=$!
ok "a monitor as well" wait_for 20 grep -q '"heard":true' "$WORK/m"
is "packets, events and own traffic are wanted" "$(wanted)" 7
ok "a command writes settings that it read before" \
	bpftool map update pinned "$PINS/config" key 0 0 0 0 value "${before[@]}"
is "they are still wanted" "$(wanted)" 7
refuses "a ninth" 1 '8 traces and monitors run already' loader trace
ok "a monitor more says so, and reads" try loader monitor -j --duration 1
like "with the reason" "$(<"$WORK/log/commands")" "8 traces and monitors run already"
ok "a page" page
for i in 1 2 3 4 5 6 7; do
	ok "trace $i shows it" traced_soon "t$i" dst_port=80 verdict=steer
done

# ---- the end ----

trace_stop t1
ok "what matched was shown or counted" trace_adds_up t1
is "its ring buffer is gone" "$(rings)" 7
for i in 2 3 4 5 6; do
	trace_stop "t$i" KILL
done
kill -KILL "$monitor"
ok "the others of the killed still see" wait_for 20 shows t7
trace_stop t7 KILL
ok "killed: soon packets are not looked at any more" wait_for 30 unwatched
trace_start next --port 80 || fatal "trace starts"
is "the next one has removed the ring buffers of the killed" "$(rings)" 1
ok "it shows a page" wait_for 20 shows next
for verb in status clean "port add tcp/7777"; do
	trace_start "before-${verb%% *}" --port 80 || fatal "trace starts"
	trace_stop "before-${verb%% *}" KILL
	read -ra words <<<"$verb"
	loader "${words[@]}" >/dev/null
	is "$verb: the slot is in use for some seconds" "$(rings)" 2
	ok "$verb: then its time is over" wait_for 30 expired
	try loader "${words[@]}"
	is "$verb removes its ring buffer" "$(rings)" 1
done
trace_stop next
is "none is left" "$(rings)" 0
is "and nobody is asked" "$(wanted)" 0

# ---- one that is stopped too long ----

trace_start stopped --port 80 || fatal "trace starts"
kill -STOP "${TRACE_PID[stopped]}"
ok "stopped: packets are not looked at any more" wait_for 30 unwatched
trace_start other --port 80 || fatal "trace starts"
kill -CONT "${TRACE_PID[stopped]}"
ok "continued: it begins again" wait_for 20 grep -q 'stopped for too long' "$WORK/log/stopped"
ok "and shows a page" wait_for 20 shows stopped
ok "like the other" traced_soon other dst_port=80 verdict=steer
trace_stop stopped
trace_stop other

# ---- without drops of the kernel ----

r setpriv --bounding-set=-sys_admin,-perfmon --inh-caps=-sys_admin,-perfmon \
	"$LOADER" -j --pin-dir "$PINS" trace --port 80 --count 1 >"$WORK/only" 2>"$WORK/log/only" </dev/null &
only=$!
ok "without CAP_PERFMON it begins" wait_for 20 grep -q ': tracing ' "$WORK/log/only"
ok "it shows a page" wait_for 20 shows only
ok "and ends" wait_for 20 process_gone $only
ok "it says what is missing" grep -q 'only verdicts are shown.*CAP_PERFMON' "$WORK/log/only"

# ---- the state of an older build ----

rm "$PINS"/internal/watch* "$PINS/progs/tproxy_watch"
refuses "an older build: it says so" 1 'older build' loader trace
do_ok "another build attaches its programs" \
	"$TOP/build/tests/next/tproxy-loader" -n "$ROUTER" attach r0 --learn 0
trace_start upgraded --port 80 || fatal "trace starts"
ok "it shows a page" wait_for 20 shows upgraded
trace_stop upgraded
finish
