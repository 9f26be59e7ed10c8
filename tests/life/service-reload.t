#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A service is upgraded in place by ExecReload=tproxy-relay --background: the command ends when the
# new relay serves, or with its error. The service manager learns the new process id, and gets its
# messages from then on, from nobody else.
. "$(dirname "$0")/../lib/test.sh"

DIR=$WORK/unit
RELAY_LOG=$WORK/log/relay.service
mkdir -m 755 "$DIR"
# the main process of the service, with WatchdogSec=1
service() {
	nsenter --net="/run/netns/$ROUTER" -- python3 "$LIB/activate.py" "$DIR" \
		-- "$RELAY" --pin-dir "$PINS" "$@" >"$RELAY_LOG" 2>&1 </dev/null &
	SERVE_PIDS+=($!)
	disown $!
}
# reload ARGS… — as ExecReload=: systemd tells such a process where to report, but of no watchdog
reload() {
	local -a env=(env -u WATCHDOG_USEC -u WATCHDOG_PID "NOTIFY_SOCKET=$DIR/notify.sock")

	nsenter --net="/run/netns/$ROUTER" -- "${env[@]}" \
		"$RELAY" --pin-dir "$PINS" --background "$@" >>"$RELAY_LOG" 2>"$WORK/reload.err" </dev/null
}
main_pid() { grep -o 'MAINPID=[0-9]*' "$DIR/notify" | tail -n 1 | cut -d= -f2; }
said_often() { [[ $(grep -cx -- "$1" "$DIR/notify") -ge $2 ]]; }
said() { grep -qx -- "$1" "$DIR/notify"; }

prepare nginx echo
service
ok "the service is ready" wait_for 10 said READY=1
do_ok "attach" loader attach r0 --ports 80,7007 --to 10.77.2.0/24
ok "flows go through the relay" steering $SERVER4
first=$(main_pid)
is "the main process is the one that was started" "$first" "$(tail -n 1 "$DIR/pid")"
c timeout 60 python3 "$LIB/net.py" hold $SERVER4 7007 "$WORK/go" >"$WORK/held" 2>&1 &
holder=$!
ok "a flow begins" wait_for 10 grep -q up "$WORK/held"

# --- a reload that fails ---
reload --user nosuch
is "a relay that cannot start: exit status" $? 1
like "its error" "$(<"$WORK/reload.err")" '^tproxy-relay: user nosuch: unknown'
reload --workers nonsense
is "an error in the command line: exit status" $? 2
is "the main process is the same" "$(main_pid)" "$first"
ok "it serves" via_relay $SERVER4

# --- one that works ---
reload
is "a reload: exit status" $? 0
is "it prints no error" "$(<"$WORK/reload.err")" ""
second=$(main_pid)
ok "the service has another main process" test "$second" -ne "$first"
like "which is a relay" "$(tr '\0' ' ' <"/proc/$second/cmdline")" 'tproxy-relay.*--background'
is "in a session of its own" "$(ps -o sid= -p "$second" | tr -d ' ')" "$second"
ok "flows are served" via_relay $SERVER4
nok "the old one still has its flow" process_gone "$first"
nok "nobody said that the service stops" said STOPPING=1
beats=$(grep -cx WATCHDOG=1 "$DIR/notify")
ok "the new one feeds the watchdog" wait_for 10 said_often WATCHDOG=1 $((beats + 3))
freeze "$second"
sleep 1.2 # longer than a period
beats=$(grep -cx WATCHDOG=1 "$DIR/notify")
sleep 1.2
is "if it hangs, the old one does not feed it instead" "$(grep -cx WATCHDOG=1 "$DIR/notify")" "$beats"
kill -CONT "$second"
reload
is "another reload" $? 0
third=$(main_pid)
ok "another main process" test "$third" -ne "$second"
beats=$(grep -cx WATCHDOG=1 "$DIR/notify")
ok "the watchdog is fed in the third generation, too" wait_for 10 said_often WATCHDOG=1 $((beats + 3))
touch "$WORK/go"
wait $holder
is "the flow of the first one has lived through it" "$(tail -n 1 "$WORK/held")" "done"
ok "the first one ends" wait_for 10 process_gone "$first"
nok "and does not say that the service stops" said STOPPING=1

# --- the caller's output ---
said=$(timeout 20 nsenter --net="/run/netns/$ROUTER" -- "$RELAY" --pin-dir "$PINS" --background \
	--log-file "$WORK/log/relay.file" 2>&1)
is "with a log file the command keeps no output open" "$? $said" "0 "
ok "the log is in the file" wait_for 5 grep -q 'taking the listeners over' "$WORK/log/relay.file"
fourth=$(pgrep -x -n tproxy-relay)
ok "it serves" via_relay $SERVER4
kill -TERM "$fourth"
ok "it ends" wait_for 10 process_gone "$fourth"
finish
