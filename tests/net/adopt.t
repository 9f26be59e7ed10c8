#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# adopt makes the listeners of an unprivileged program, which knows nothing of transparency, targets of
# rules; release and detach restore them.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/adopt.sh"
. "$(dirname "$0")/../lib/schema.sh"

adopt() { loader adopt "$@"; }
listeners() { # schema, then JSON for json_value
	loader -j listeners >"$WORK/listeners.json"
	valid_json listeners "$WORK/listeners.json" >&2 || return
	cat "$WORK/listeners.json"
}

prepare
snapshot >"$WORK/before"
refuses "nothing is attached" 3 'attach' adopt --pid 1
do_ok "attach" loader attach r0 --ports 80 --proxy 3129
bypass_reset

# ---- one dual-stack listener ----

victim dual :: 3129
is "it is not transparent" "$(transparent 3129)" "yes=0 no=1"
is "and gets no IPv4 flow" "$(ask $SERVER4 80)" TimeoutError
do_ok "dry run" adopt --pid $ADOPT_PID --dry-run
like "it shows the step" "$ERR" "tcp \[::\]:3129 of python3.*IP_TRANSPARENT"
is "and takes none" "$(transparent 3129)" "yes=0 no=1"
do_ok "adopt" adopt --pid $ADOPT_PID
is "it is transparent" "$(transparent 3129)" "yes=1 no=0"
for to in $SERVER4 $SERVER6 $EXTRA4 $EXTRA6; do
	is "a flow to $to" "$(ask "$to" 80)" "$to 80"
done
is "50 of 50" "$(right $SERVER4 80 50)" 50
bypass_none "no packet went past it"
do_ok "adopt again" adopt --pid $ADOPT_PID
like "says so" "$ERR" "adopted already"
ok "an adoption that was interrupted" r "$PYTHON" "$LIB/adopt.py" opaque $ADOPT_PID 3129
is "has left it recorded" "$(transparent 3129)" "yes=0 no=1"
do_ok "is completed" adopt --pid $ADOPT_PID
is "by the next one" "$(transparent 3129)" "yes=1 no=0"
is "listeners" "$(listeners | json_value "[(l['address'], l['port'], l['process']['pid'], l['transparent'], l['adopted'], l['rules']) for l in o['listeners']], o['missing']")" \
	"([('::', 3129, $ADOPT_PID, True, True, ['default'])], [])"
like "as a table" "$(loader listeners)" "tcp \[::\]:3129 +python3 \(pid $ADOPT_PID\) +adopted +default"
like "adopt --list" "$(loader adopt --list 2>&1)" "tcp port 3129: python3 \(pid $ADOPT_PID, uid 65534, .*\), 1 socket"
loader -j adopt --list >"$WORK/adopt.json"
ok "its JSON is valid" valid_json adopt "$WORK/adopt.json"
like "save says that adoption is a command" "$(loader save)" "# adopted: .*python3, tcp port 3129"

do_ok "release" adopt --release --pid $ADOPT_PID
is "it is as it was" "$(transparent 3129)" "yes=0 no=1"
is "and gets no IPv4 flow" "$(ask $SERVER4 80)" TimeoutError
like "status has its listener" "$(loader status)" "not transparent"
refuses "released already" 1 "not adopted" adopt --release --pid $ADOPT_PID
victim_stop

# ---- other addresses and families ----

victim loop4 127.0.0.1 3129
do_ok "a listener on 127.0.0.1" adopt --pid $ADOPT_PID --port 3129
like "says that it has no IPv6" "$ERR" "no socket of IPv6"
is "takes flows of IPv4" "$(ask $SERVER4 80)" "$SERVER4 80"
try loader listeners
is "what is missing is worth exit 4" $RC 4
like "and is named" "$OUT" "rule default, 3129: tcp6: no listener"
victim_stop

victim loop6 ::1 3129
do_ok "a listener on ::1" adopt --pid $ADOPT_PID
like "says that it has no IPv4" "$ERR" "no socket of IPv4"
is "takes flows of IPv6" "$(ask $SERVER6 80)" "$SERVER6 80"
victim_stop

victim bound $GATE4 3130
refuses "no such rule" 1 "rule nosuch: no such rule" adopt --pid $ADOPT_PID --rule nosuch
is "then nothing is changed" "$(transparent 3130)" "yes=0 no=1"
do_ok "a listener on an address, for a rule" adopt --pid $ADOPT_PID --rule default
like "the rule names it" "$(loader rule list)" "$GATE4:3130"
is "and gives it flows" "$(ask $EXTRA4 80)" "$EXTRA4 80"
victim_stop

# ---- workers ----

do_ok "the rule names another port" loader attach r0 --proxy 3131
victim forked --fork 3 :: 3131
do_ok "a socket that workers share" adopt --pid $ADOPT_PID
is "it is transparent" "$(transparent 3131)" "yes=1 no=0"
is "all flows are right" "$(right $SERVER4 80 30)" 30
victim_stop
for pid in $(pgrep -f "$WORK/adopt.py serve --fork"); do
	kill -KILL "$pid"
done
victim workers --workers 4 :: 3131
wait_for 20 test "$(transparent 3131)" = "yes=0 no=4"
do_ok "four workers with sockets of their own" adopt --pid $ADOPT_PID
is "all are transparent" "$(transparent 3131)" "yes=4 no=0"
is "all flows are right" "$(right $SERVER4 80 60)" 60
ok "several workers got some" test "$(c "$PYTHON" "$LIB/adopt.py" workers $SERVER6 80 60)" -ge 2
is "listeners shows each" "$(listeners | json_value "len([l for l in o['listeners'] if l['rules'] == ['default']])")" 4
do_ok "release all" adopt --release --all
is "none is" "$(transparent 3131)" "yes=0 no=4"
for pid in $(pgrep -f "$WORK/adopt.py serve --workers"); do
	kill -KILL "$pid"
done

if [[ $(r sysctl -n net.mptcp.enabled 2>/dev/null) == 1 ]]; then # as Go programs listen
	victim mptcp --mptcp :: 3131
	do_ok "a listener of MPTCP" adopt --pid $ADOPT_PID
	is "is transparent" "$(transparent 3131)" "yes=1 no=0"
	is "takes flows of IPv4" "$(right $SERVER4 80 20)" 20
	is "and of IPv6" "$(right $SERVER6 80 20)" 20
	is "also of MPTCP" "$(c "$PYTHON" "$LIB/adopt.py" ask-mptcp $SERVER4 80)" "$SERVER4 80"
	do_ok "release" adopt --release --pid $ADOPT_PID
	is "restores it" "$(transparent 3131)" "yes=0 no=1"
	victim_stop
fi

# ---- UDP ----

do_ok "a rule for UDP" loader rule add dns --ports udp/53 --proxy 3132
victim udp --udp :: 3132
do_ok "a UDP socket that learns the destination" adopt --pid $ADOPT_PID --port udp/3132
c "$PYTHON" "$LIB/adopt.py" dgram $SERVER4 53
c "$PYTHON" "$LIB/adopt.py" dgram $SERVER6 53
ok "a datagram of IPv4" wait_for 10 grep -q "datagram ::ffff:$SERVER4 53\|datagram $SERVER4 53" "$WORK/log/udp"
ok "a datagram of IPv6" wait_for 10 grep -q "datagram $SERVER6 53" "$WORK/log/udp"
bypass_none "none went past it"
victim_stop
victim udp-some --udp --pktinfo 0.0.0.0 3132
try adopt --pid $ADOPT_PID
is "one that learns the address only: with remarks" $RC 4
like "which say so" "$ERR" "not the port"
victim_stop
victim udp-plain --udp --plain 0.0.0.0 3132
refuses "one that learns nothing" 1 "IP_RECVORIGDSTADDR" adopt --pid $ADOPT_PID
is "is left alone" "$(transparent 3132)" "yes=0 no=1"
victim_stop

# ---- refusals ----

refuses "no process" 1 "no such process" adopt --pid 4194000
victim idle --idle 127.0.0.1 3133
refuses "not listening" 1 "does not listen" adopt --pid $ADOPT_PID
refuses "not on this port" 1 "does not listen" adopt --pid $ADOPT_PID --port 99
victim_stop
victim two 127.0.0.1 3133 3134
refuses "two ports" 1 "3133, 3134: which one|3134, 3133: which one" adopt --pid $ADOPT_PID
refuses "another port" 1 "not listen on port 99, but on tcp/313[34], tcp/313[34]" adopt --pid $ADOPT_PID --port 99
do_ok "one of them" adopt --pid $ADOPT_PID --port 3134
is "the other is left alone" "$(transparent 3133) $(transparent 3134)" "yes=0 no=1 yes=1 no=0"
victim_stop
victim unix --unix x
refuses "a Unix socket" 1 "Unix socket" adopt --pid $ADOPT_PID
victim_stop
victim connected --udp --connected 127.0.0.1 3135
refuses "a connected socket" 1 "connected" adopt --pid $ADOPT_PID
victim_stop
victim_in "$SERVER" elsewhere 127.0.0.1 3136
refuses "another network namespace" 1 "another network namespace" adopt --pid $ADOPT_PID
victim_stop
victim guarded 127.0.0.1 3137
refuses "without the right to look" 1 "CAP_SYS_PTRACE" setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace \
	"$LOADER" -n "$ROUTER" adopt --pid $ADOPT_PID
refuses "without pidfd_getfd" 1 "Linux 5.6" strace -o /dev/null -e trace=pidfd_getfd \
	-e inject=pidfd_getfd:error=ENOSYS "$LOADER" -n "$ROUTER" adopt --pid $ADOPT_PID
is "it is left alone" "$(transparent 3137)" "yes=0 no=1"
refuses "without a process" 2 "which process" adopt
refuses "release of what" 2 "which program" adopt --release

# ---- detach ----

do_ok "adopt" adopt --pid $ADOPT_PID
is "it is transparent" "$(transparent 3137)" "yes=1 no=0"
do_ok "detach --all" loader detach --all
is "restores it" "$(transparent 3137)" "yes=0 no=1"
unchanged "nothing is left" "$WORK/before"

do_ok "attach" loader attach r0 --ports 80 --proxy 3138
serve_run own-transparent "$ROUTER" python3 "$LIB/listen.py" 3138 tcp 0.0.0.0 transparent
wait_for 20 listening "$ROUTER" tcp 3138
do_ok "one that is transparent already" adopt --pid "${SERVE_PIDS[-1]}"
do_ok "release" adopt --release --all
is "stays so" "$(transparent 3138)" "yes=1 no=0"
do_ok "detach --all" loader detach --all
finish
