#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# trace shows what becomes of own traffic: each call of a process, with its command and the reason, and
# each packet on lo that is for a proxy; without a trace the programs send nothing.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/schema.sh"
. "$(dirname "$0")/../lib/trace.sh"
. "$(dirname "$0")/../lib/own.sh"

USER_ID=4711

wanted() { bpftool -j map dump pinned "$PINS/internal/watch" | grep -o '0x0[1-7]'; }
nobody_wants() { ! wanted; }
calls() { trace_count "$1" type=call; }

prepare
do_ok "attach an interface only" loader attach r0 --ports $PORT
refuses "own traffic is not attached" 3 'own traffic is not attached' loader trace --local --duration 1
do_ok "detach it" loader detach --all
own_up --ports "$PORT,udp/$PORT" --to 10.77.2.0/24,fd77:2::/64
do_ok "a rule that drops" loader rule add shut --local --ports 81,udp/81 --action drop
do_ok "a rule that refuses" loader rule add closed --local --ports 82,udp/82 --action reset
do_ok "a rule that passes" loader rule add open --local --ports 83,udp/83 --action pass
port=84
for down in drop reset pass; do
	do_ok "a rule without a listener: $down" loader rule add "down-$down" --local \
		--ports "$port,udp/$port" --proxy 3999 --on-proxy-down "$down"
	port=$((port + 1))
done
do_ok "a rule that audits" loader rule add watch --local --ports 87,udp/87 --action audit
do_ok "a rule for one user" loader rule add mine --local=only --uid $USER_ID --ports 88,udp/88 --action drop
refuses "an interface with --local" 2 'own traffic enters by no interface' loader trace --local r0

# ---- calls

ok "without a trace nothing is sent" nobody_wants
sock tcp4 "connect=$SERVER4:$PORT" say >/dev/null
trace_start all || fatal "trace starts"
trace_start own --local || fatal "trace starts"
trace_start one --dst $SERVER6 --port udp/$PORT || fatal "trace starts"
trace_start r0 r0 || fatal "trace starts"
ok "with one it is" wanted

each_call() { # PORT CMD…
	local family dst

	for family in 4 6; do
		dst=$(at $SERVER4 "$1")
		[[ $family == 4 ]] || dst=$(at $SERVER6 "$1")
		"${@:2}" "${PY[@]}" "tcp$family" "nonblock=$dst"
		"${@:2}" "${PY[@]}" "udp$family" "ask=$dst,4"
		"${@:2}" "${PY[@]}" "udp$family" "connect=$dst"
	done >/dev/null 2>&1
}
call() { app "${PY[@]}" "$@" >/dev/null 2>&1; }
as_user() { app setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups "$@"; }
for port in $PORT 81 82 83 84 85 86 87; do
	each_call "$port" app
done
each_call 88 as_user
app ping -c 1 -W 1 $SERVER4 >/dev/null
# which no rule takes
call tcp4 nonblock=$SERVER4:9999
call tcp4 nonblock=127.0.0.1:9998
call udp4 ask=127.128.0.9:9997
# which say where they come from
call udp6 "bind=[$ROUTER6]:6001" "connect=[$SERVER6]:$PORT"
call udp4 "bind=0.0.0.0:6002" "connect=$SERVER4:$PORT"
# which are excluded
in_cgroup proxy "${PY[@]}" tcp4 "connect=$SERVER4:$PORT"
own set relay-mark 0x99
call tcp6 mark=0x99 "connect=[$SERVER6]:$PORT"
call tcp4 dev=r1 "connect=$SERVER4:$PORT"
is "a proxy connects" "$(app sh -c "$OWN task $PINS \$\$ && exec \"\$@\"" sh "${PY[@]}" \
	tcp6 "connect=[$SERVER6]:$PORT" 2>&1)" ""
hostile() {
	app python3 -c "import ctypes, socket
ctypes.CDLL(None).prctl(15, b'\033[3\"\n\xff  x', 0, 0, 0)
socket.create_connection(('$SERVER4', $PORT))"
}
ok "a process with a control sequence for a name" hostile
ok "it is shown" traced_soon own type=call 'command=?[3"??  x' rule=default
own tokens fill >/dev/null
call udp4 "ask=10.77.2.77:$PORT"
ok "the last call is shown" traced_soon all type=call dst=10.77.2.77
ok "by all traces" traced_soon own type=call dst=10.77.2.77
for name in all own one r0; do
	trace_stop $name
done

expectations() {
	local call proto port to

	for to in $SERVER4 $SERVER6; do
		for call in tcp/connect udp/connect udp/sendmsg; do
			proto=${call%/*} call=${call#*/}
			port="type=call interface=local call=$call proto=$proto dst=$to command=python3 dst_port"
			[[ $call == connect ]] && counted=own_flow || counted=own_datagram
			cat <<-LIST
				a proxy gets it: $port=$PORT verdict=steer reasons=$counted rule=default uid=0 gid=0
				a drop rule: $port=81 verdict=drop reasons=rule_drop rule=shut
				a reset rule: $port=82 verdict=refuse reasons=rule_reset rule=closed
				a pass rule: $port=83 verdict=pass reasons=rule_pass rule=open
				no listener, drop: $port=84 verdict=refuse reasons=down_drop rule=down-drop problem=no-listener
				no listener, reset: $port=85 verdict=refuse reasons=down_reset rule=down-reset problem=no-listener
				no listener, pass: $port=86 verdict=pass reasons=down_pass rule=down-pass problem=no-listener
				an audit rule: $port=87 verdict=audit reasons=rule_audit rule=watch
				a rule for a user: $port=88 verdict=drop reasons=rule_drop rule=mine uid=$USER_ID gid=$USER_ID
			LIST
		done
		cat <<-LIST
			its SYN on lo: type=packet interface=lo proto=tcp dst=$to dst_port=$PORT verdict=steer reasons=steered rule=default tcp_flags=syn listener.port=$PROXY_PORT
			the segments after it: type=packet interface=lo proto=tcp dst=$to dst_port=$PORT verdict=keep reasons=owned rule=default tcp_flags=ack
			its datagram on lo: type=packet interface=lo proto=udp dst=$to dst_port=$PORT verdict=steer reasons=steered rule=default
		LIST
	done
	cat <<-LIST
		no rule: type=call dst=$SERVER4 dst_port=9999 verdict=left_alone reasons=- rule=- src=- src_port=-
		a token for a destination: type=call dst=127.128.0.9 verdict=drop reasons=token rule=-
		a socket with an address: type=call dst=$SERVER6 src=$ROUTER6 src_port=6001 verdict=steer
		a socket with a port: type=call dst=$SERVER4 src=- src_port=6002 verdict=steer
		an excluded cgroup: type=call dst=$SERVER4 verdict=left_alone reasons=excluded_cgroup rule=default
		the mark of a proxy: type=call dst=$SERVER6 verdict=left_alone reasons=proxy_mark rule=default
		a proxy: type=call dst=$SERVER6 verdict=left_alone reasons=excluded_process rule=default
		a socket of a device: type=call dst=$SERVER4 verdict=left_alone reasons=own_device rule=default
		no free token: type=call dst=10.77.2.77 verdict=refuse reasons=own_full rule=default problem=own-tokens-full
	LIST
}
for name in all own; do
	trace_expect $name < <(expectations)
	is "$name: nothing about what stays on this host" "$(trace_count $name type=call dst_port=9998)" 0
	is "$name: nor about other protocols" "$(trace_count $name type=call proto=icmp)" 0
done
is "only own traffic with --local" "$(trace_count own interface=r0)$(trace_count own interface=r1)" 00
ok "a filter: the flow" traced one type=call dst=$SERVER6 proto=udp verdict=steer
is "and no other" "$(trace_count one dst=$SERVER4)$(trace_count one proto=tcp)" 00
is "no own traffic with an interface" "$(calls r0)$(trace_count r0 interface=lo)" 00
for name in all own one; do
	ok "$name: the output is as the schema says" valid_lines trace "$WORK/$name"
	ok "$name: what matched was shown or counted" trace_adds_up $name
done

ok "without a trace nothing is sent again" nobody_wants

# ---- what stays here, with a filter

trace_start here --dst 127.0.0.0/8 || fatal "trace starts"
call tcp4 nonblock=127.0.0.1:9998
ok "who names the address sees what stays here" traced_soon here type=call dst_port=9998 \
	verdict=left_alone reasons=stays_local
trace_stop here

# ---- a flow that a new policy leaves alone

trace_start stale --local || fatal "trace starts"
app "${PY[@]}" udp4 "connect=$SERVER4:$PORT" say "wait=$WORK/go" say >"$WORK/stale-says" 2>&1 &
ok "a flow begins" wait_for 20 grep -q proxy "$WORK/stale-says"
do_ok "its rule lets it pass" own_rule "ports = $PORT udp/$PORT" action=pass
touch "$WORK/go"
ok "its next datagram is left alone" traced_soon stale type=packet interface=lo dst=$SERVER4 \
	verdict=left_alone reasons=own_stale
trace_stop stale
ok "the output is as the schema says" valid_lines trace "$WORK/stale"

# ---- text

"$LOADER" -n "$ROUTER" trace --local --count 1 >"$WORK/text" 2>"$WORK/log/text" </dev/null &
pid=$!
ok "text: it begins" wait_for 60 grep -q TIME "$WORK/text"
call tcp4 "nonblock=$SERVER4:$PORT"
ok "text: --count 1 ends it" wait_for 20 process_gone $pid
like "text: one line" "$(tail -n 1 "$WORK/text")" \
	"^[0-9:.]{15} local +pass +tcp +\\* > $SERVER4:$PORT +rule_pass, rule default, connect by python3 \\(pid [0-9]+, uid 0\\)\$"

# ---- upgrade

shown() { call tcp4 "nonblock=$SERVER4:$PORT" && [[ $(calls upgrade) -gt $1 ]]; }
trace_start upgrade --local || fatal "trace starts"
ok "a call is shown" wait_for 20 shown 0
do_ok "another build attaches its programs" \
	"$TOP/build/tests/next/tproxy-loader" -n "$ROUTER" attach r0 --learn 0
ok "trace follows them" wait_for 20 grep -q 'programs were replaced' "$WORK/log/upgrade"
ok "a call is shown again" wait_for 20 shown "$(calls upgrade)"
do_ok "own traffic is detached" loader detach --local
do_ok "and attached again" own_attach
ok "a call is shown again" wait_for 20 shown "$(calls upgrade)"
trace_stop upgrade
ok "what matched was shown or counted" trace_adds_up upgrade

# ---- the end

trace_start killed --local || fatal "trace starts"
trace_stop killed KILL
gave_up() { call tcp4 "nonblock=$SERVER4:$PORT" && nobody_wants; }
ok "after kill -9 the programs send nothing any more" wait_for 30 gave_up
own_down
finish
