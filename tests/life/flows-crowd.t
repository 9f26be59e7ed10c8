#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Lists of thousands of flows are complete while others come and go, and delay no flow. Clients of
# the list that do not read, say nothing, leave early or send anything neither harm the relay nor
# keep others out. CROWD=N sets another number of flows, CROWD_RATE=N of new ones a second.
. "$(dirname "$0")/../lib/test.sh"

LOAD=$TOP/build/tests/helpers/load
[[ -x $LOAD ]] || skip_inside "$LOAD is not built (make tests)"
[[ -x /usr/bin/python3 ]] || skip_inside "other users have no python3 (scripts/deps installs it)"
CROWD=${CROWD:-5000}
MEMBERS=4321
LISTS=20

ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"
[[ $(ulimit -n) -ge $((CROWD * 2 + 4096)) ]] || skip_inside "the limit of open files is $(ulimit -n)"
cp /etc/group "$WORK/group"
sed -i /^tproxy:/d "$WORK/group"
echo "tproxy:x:$MEMBERS:" >>"$WORK/group"
mount --bind "$WORK/group" /etc/group
install -m 755 "$RELAY" "$WORK/tproxy-relay" # where another user may read them
install -m 644 "$LIB/flows.py" "$WORK/flows.py"

prepare
for ns in "$CLIENT" "$ROUTER" "$SERVER"; do
	nsenter --net="/run/netns/$ns" sysctl -qw net.ipv4.ip_local_port_range='1024 65535' \
		net.ipv4.tcp_max_syn_backlog=8192 net.core.somaxconn=8192
done
serve_run load "$SERVER" "$LOAD" server 7007
wait_for 10 listening "$SERVER" tcp 7007 || fatal "the server starts"
ok "the relay starts" relay_start --workers 2 --max-flows-per-source 0
do_ok "attach" loader attach r0 --ports 7007
ok "one flow" c "$LOAD" rr $SERVER4 7007 0.1 1 1

list() { "$RELAY" -n "$ROUTER" --list --json >"$1"; }
flows_in() { json_value "len(o['flows'])" <"$1"; }
ended() { process_gone "$1"; }
# as a member of the group, in the router's network
member() { # UID CMD…
	r setpriv --reuid "$1" --regid 4000 --groups $MEMBERS --inh-caps=-all --bounding-set=-all "${@:2}"
}
odd() { # LOG UID ARGS… — a client of flows.py, in the background
	serve_run "$1" "$ROUTER" setpriv --reuid "$2" --regid 4000 --groups $MEMBERS --inh-caps=-all \
		/usr/bin/python3 "$WORK/flows.py" "${@:3}"
	ODD=${SERVE_PIDS[-1]}
}
socket() { echo /run/tproxy/relay-*-15002.flows; }

# --- complete ---
settled() { grep -q up "$WORK/log/crowd" || process_gone "$HOLDER"; }
serve_run crowd "$CLIENT" "$LOAD" crowd $SERVER4 7007 86400 "$CROWD" 0
HOLDER=${SERVE_PIDS[-1]}
wait_for 100 settled
ok "$CROWD connections are open" grep -q up "$WORK/log/crowd"
all_open() { list "$WORK/first" && [[ $(flows_in "$WORK/first") == "$CROWD" ]]; }
ok "the list has all of them" wait_for 20 all_open
is "each worker has some" "$(json_value "len({f['id'] % 16 for f in o['flows']})" <"$WORK/first")" 2

serve_run churn "$CLIENT" "$LOAD" crowd $SERVER4 7007 86400 0 "${CROWD_RATE:-200}"
CHURN=${SERVE_PIDS[-1]}
lists=()
for ((i = 0; i < LISTS; i++)); do
	list "$WORK/list$i" && lists+=("$WORK/list$i")
done
is "$LISTS lists while others come and go" "${#lists[@]}" $LISTS
is "have each that stays exactly once" "$(python3 "$LIB/flows.py" check "${lists[@]}" "$WORK/first")" 0
started=$EPOCHREALTIME
do_ok "the loader lists them, by rule" loader flows --by rule
took=$(awk -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')
like "with the rule" "$OUT" "default +$((CROWD / 1000))"
echo "# measured: tproxy-loader flows with $CROWD flows: $took s"
at_most "in some seconds" "$took" 10

# --- no flow waits ---
gap() { c python3 "$LIB/flows.py" gap $SERVER4 7007 3; }
echo "# measured: longest exchange without a list: $(gap) ms"
(while list "$WORK/endless"; do :; done) &
lister=$!
disown $lister
longest=$(gap)
stop $lister KILL
echo "# measured: longest exchange beside endless lists: $longest ms"
at_most "no exchange waits for a list" "$longest" 500

# --- clients that do not behave ---
before=$(relay_fds)
ticks=$(relay_ticks)
odd stall1 4001 stall "$(socket)"
stalled1=$ODD
odd stall2 4001 stall "$(socket)"
stalled2=$ODD
for n in 1 2; do
	ok "client $n reads nothing" wait_for 10 grep -q asked "$WORK/log/stall$n"
done
is "a third one of this user is refused" "$(member 4001 /usr/bin/python3 "$WORK/flows.py" kill "$(socket)")" EBUSY
odd knock 4002 knock "$(socket)" 64 8
knocker=$ODD
ok "beside them root gets a list" list "$WORK/beside"
is "which is complete" "$(python3 "$LIB/flows.py" check "$WORK/beside" "$WORK/first")" 0
ok "another member does, too" wait_for 10 member 4003 "$WORK/tproxy-relay" --list --json
ok "who does not read is disconnected" wait_for 30 ended "$stalled1"
ok "both" wait_for 30 ended "$stalled2"
for n in 1 2; do
	like "after some seconds" "$(tail -n 1 "$WORK/log/stall$n")" '^([4-9]|1[0-9])\.[0-9]$'
done
ok "who says nothing is, too" wait_for 30 ended "$knocker"
like "again and again" "$(<"$WORK/log/knock")" '^[1-9][0-9]*$'
echo "# measured: CPU time of the relay meanwhile: $(($(relay_ticks) - ticks)) ticks; $(<"$WORK/log/knock") knocks"
do_ok "clients that leave" r python3 "$LIB/flows.py" quit "$(socket)" 300
is "any bytes are refused" "$(r python3 "$LIB/flows.py" garbage "$(socket)")" "errors 203"
ok "then there is a list" list "$WORK/later"
is "which is complete" "$(python3 "$LIB/flows.py" check "$WORK/later" "$WORK/first")" 0
stop "$CHURN"
as_before() { relay_fds_at_most "$before"; }
ok "no descriptor is left over" wait_for 20 as_before
at_most "the log has few lines about it" "$(grep -vc ' end=' "$RELAY_LOG")" 12

# --- the end of many ---
do_ok "all are ended" loader flows kill --client 10.77.1.0/24
like "as many" "$OUT" "^ended $CROWD flows$"
none() { list "$WORK/none" && [[ $(flows_in "$WORK/none") == 0 ]]; }
ok "none is left" wait_for 20 none
is "each has its record" "$(grep -c 'end=killed' "$RELAY_LOG")" "$CROWD"
ok "the relay serves" c "$LOAD" rr $SERVER4 7007 0.1 1 1

# --- the end of the relay ---
serve_run crowd2 "$CLIENT" "$LOAD" crowd $SERVER4 7007 86400 500 0
wait_for 50 grep -q up "$WORK/log/crowd2"
odd last 4001 stall "$(socket)"
ok "a client reads nothing" wait_for 10 grep -q asked "$WORK/log/last"
relay_stop
ok "the relay ends beside a client" process_gone "${RELAY_PID:-0}"
ok "no sanitizer complains" relay_silent Sanitizer
finish
