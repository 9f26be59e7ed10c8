#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The privileged helper of the relay: what it may do, and that neither it nor the relay waits for the
# other.
. "$(dirname "$0")/../lib/test.sh"

helper() { pgrep -P "$RELAY_PID"; }
status_of() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$(helper)/status"; }
capabilities() { echo $((0x$(status_of CapPrm))) $((0x$(status_of CapEff))) $((0x$(status_of CapInh))); }
registrations() { grep -c 'registered in' "$RELAY_LOG"; }
registered() { [[ $(registrations) -ge $1 ]]; }

# relay_start_logging — a relay that writes to a file
relay_start_logging() {
	RELAY_LOG=$WORK/log/relay.file
	"$RELAY" -n "$ROUTER" --log-file "$RELAY_LOG" >"$WORK/log/relay.out" 2>&1 </dev/null &
	RELAY_PID=$!
	disown "$RELAY_PID"
	wait_for 10 grep -q listening "$RELAY_LOG"
}

NET=$((1 << 10 | 1 << 12 | 1 << 13)) # CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW

prepare nginx
ok "the relay starts" relay_start
is "the helper is root" "$(status_of Uid | tr -s '\t' ' ')" "0 0 0 0"
is "it has the capabilities to open listeners, and no others" "$(capabilities)" "$NET $NET 0"
is "it cannot gain others" "$(status_of NoNewPrivs) $((0x$(status_of CapBnd) & ~NET))" "1 0"
is "its system calls are filtered" "$(status_of Seccomp)" 2
do_ok "attach" loader attach r0 --ports 80
ok "flows are relayed" steering $SERVER4

# --- a helper that does not read ---
kill -STOP "$(helper)"
ok "the helper is stopped: flows are relayed" via_relay $SERVER4
ok "the relay reads its lists again" relay_reload
pid=$(helper)
kill -TERM "$RELAY_PID"
ok "the relay ends nevertheless" wait_for 10 process_gone "$RELAY_PID"
kill -CONT "$pid"
ok "the helper ends when it continues" wait_for 5 process_gone "$pid"
ok "no listener is left" wait_for 5 relay_gone

# --- a relay that does not read ---
ok "the relay starts" relay_start
ok "it is registered" wait_for 10 registered 1
kill -STOP "$RELAY_PID"
for ((i = 0; i < 30; i++)); do
	loader -q detach --all
	loader -q attach r0 --ports 80
done
filled() { [[ $(loader -j status | json_value "o['relay']['tcp4']") == True ]]; }
ok "the relay is stopped: the helper registers its listeners" wait_for 10 filled
kill -CONT "$RELAY_PID"
ok "it runs again: flows are relayed" wait_for 10 via_relay $SERVER4
relay_stop

ok "a relay with a log file" relay_start_logging
is "its helper can write to the directory of another user" "$(capabilities)" \
	"$((NET | 2)) $((NET | 2)) 0"
relay_stop
ok "a relay without a filter" relay_start --no-seccomp
is "nor has its helper one" "$(status_of Seccomp)" 0
bypass_none "no packet went past the relay"
finish
