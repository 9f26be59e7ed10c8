#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# watch adopts a program again after its restart, and nothing of another user or another program.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/adopt.sh"
. "$(dirname "$0")/../lib/schema.sh"

is_transparent() { [[ $(transparent 3129) == "$1" ]]; }
watch_start() {
	"$LOADER" -n "$ROUTER" watch >"$WORK/log/watch" 2>&1 </dev/null &
	WATCH=$!
	SERVE_PIDS+=("$WATCH")
	disown
	wait_for 20 grep -q watching "$WORK/log/watch"
}

prepare
do_ok "attach" loader attach r0 --ports 80 --proxy 3129
victim first :: 3129
do_ok "adopt" loader adopt --pid $ADOPT_PID
"$LOADER" -n "$ROUTER" -j monitor >"$WORK/monitor" 2>"$WORK/log/monitor" </dev/null &
SERVE_PIDS+=($!)
ok "a monitor" wait_for 20 grep -q '"heard":true' "$WORK/monitor"
ok "watch" watch_start

victim_stop
ok "it reports the end" wait_for 20 grep -q "python3, tcp port 3129: closed" "$WORK/log/watch"
like "listeners has it as gone" "$(loader listeners)" "3129: python3 .*gone"
victim second :: 3129
ok "it adopts the next process" wait_for 20 is_transparent "yes=1 no=0"
is "which gets the flows" "$(ask $SERVER4 80)" "$SERVER4 80"
ok "watch says so" wait_for 10 grep -q "python3, tcp port 3129: adopted again (pid $ADOPT_PID)" "$WORK/log/watch"
ok "monitor, too" wait_for 10 grep -q '"event":"adopted".*python3, tcp port 3129' "$WORK/monitor"
ok "its lines are valid" valid_lines monitor "$WORK/monitor"
victim_stop

# a program with more rights, or with other ones, must not be followed by mistake
serve_run another "$ROUTER" setpriv --reuid=65533 --regid=65533 --clear-groups "$PYTHON" "$WORK/adopt.py" serve :: 3129
wait_for 20 grep -q ready "$WORK/log/another"
ok "the process of another user is reported" wait_for 30 grep -q "another program or user" "$WORK/log/watch"
is "and left alone" "$(transparent 3129)" "yes=0 no=1"
stop "${SERVE_PIDS[-1]}" KILL

# nobody runs the right executable, but the socket was made by another user
serve_run handed "$ROUTER" "$PYTHON" -c '
import os, socket, sys, threading
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", 3129))
s.listen()
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
print("ready", flush=True)
threading.Event().wait()'
wait_for 20 grep -q ready "$WORK/log/handed"
reports() { (($(grep -c "another program or user" "$WORK/log/watch") >= 2)); }
ok "a socket of another user is reported" wait_for 30 reports
is "and left alone" "$(transparent 3129)" "yes=0 no=1"
stop "${SERVE_PIDS[-1]}" KILL

cp "$(readlink -f "$PYTHON")" "$WORK/python-other"
chmod 755 "$WORK/python-other"
serve_run other-program "$ROUTER" "${AS_NOBODY[@]}" "$WORK/python-other" "$WORK/adopt.py" serve :: 3129
wait_for 20 grep -q ready "$WORK/log/other-program"
reports() { (($(grep -c "another program or user" "$WORK/log/watch") >= 3)); }
ok "another executable is reported" wait_for 30 reports
is "and left alone" "$(transparent 3129)" "yes=0 no=1"
stop "${SERVE_PIDS[-1]}" KILL

victim third --workers 3 :: 3129
ok "workers are all adopted" wait_for 30 is_transparent "yes=3 no=0"
is "all flows are right" "$(right $SERVER6 80 30)" 30
do_ok "release" loader adopt --release --all
is "restores all" "$(transparent 3129)" "yes=0 no=3"
like "and monitor hears it" "$(wait_for 10 grep '"event":"released"' "$WORK/monitor"; cat "$WORK/monitor")" '"event":"released"'
stop "$WATCH"
for pid in $(pgrep -f "$WORK/adopt.py serve --workers"); do
	kill -KILL "$pid"
done

victim fourth :: 3129
do_ok "adopt" loader adopt --pid $ADOPT_PID
"$LOADER" -n "$ROUTER" -j watch >"$WORK/watch.json" 2>"$WORK/log/watch2" </dev/null &
WATCH=$!
SERVE_PIDS+=("$WATCH")
disown
wait_for 20 grep -q watching "$WORK/log/watch2"
victim_stop
ok "as JSON: the end" wait_for 20 grep -q '"event":"adopted_closed"' "$WORK/watch.json"
victim fifth :: 3129
ok "and the next process" wait_for 20 grep -q '"event":"adopted"' "$WORK/watch.json"
ok "its lines are valid" valid_lines watch "$WORK/watch.json"
stop "$WATCH"
do_ok "detach --all" loader detach --all
finish
