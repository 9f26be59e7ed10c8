#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# monitor: each kind of event is seen, by several monitors at once, as text and as JSON.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/schema.sh
. "$LIB/schema.sh"

J=$WORK/json T=$WORK/text

# In the background; its pid is MONITOR. A shell of its own waits for it, and writes its exit status:
# this one need not know the process, nor forget it.
monitor() { # FILE ARGS…
	local file=$1

	rm -f "$WORK/pid" "$file" "$file.status"
	(
		"$LOADER" -n "$ROUTER" monitor "${@:2}" >"$file" 2>>"$WORK/log/monitor" </dev/null &
		echo $! >"$WORK/pid"
		wait $!
		echo $? >"$file.status"
	) 2>/dev/null &
	wait_for 20 grep -q start "$file" || return
	MONITOR=$(<"$WORK/pid")
}
# status FILE — of the monitor that wrote it, when it has ended
status() {
	wait_for 20 test -s "$1.status"
	cat "$1.status"
}
# says EXPRESSION — a line of the JSON has it; e is the object
has() {
	python3 - "$1" "$J" <<-'END'
		import collections, json, sys
		for line in open(sys.argv[2]):
		    e = collections.defaultdict(lambda: None, json.loads(line))
		    if eval(sys.argv[1]): sys.exit(0)
		sys.exit(1)
	END
}
says() { wait_for 20 has "$1"; }
times() { # EXPRESSION — how many lines
	python3 -c 'import collections,json,sys; print(sum(bool(eval(sys.argv[1])) for e in (collections.defaultdict(lambda: None, json.loads(l)) for l in open(sys.argv[2]))))' "$1" "$J"
}
cat >"$WORK/conf" <<-CONF
	[loader]
	interfaces = r0
	[rule web]
	to     = 10.77.2.0/24
	ports  = 80
	[rule never]
	ports  = 9
	to     = 10.77.2.0/24
	action = drop
CONF
sed s/80/81/ "$WORK/conf" >"$WORK/other"

prepare nginx
snapshot >"$WORK/clean"

# --- without a state ---
ok "a monitor starts without a state" monitor "$J" -j
json=$MONITOR
is "it says that it waits" "$(head -n 1 "$J" | json_value "o['event'], o['attached'], o['heard']")" "('start', False, False)"
ok "another one, as text" monitor "$T"
text=$MONITOR
like "says so, too" "$(<"$T")" '^[0-9-]{10}T[0-9:.]{12}Z start +nothing is attached: waiting'
do_ok "apply" loader apply "$WORK/conf"
ok "the state is made" says "e['event'] == 'state_made'"
ok "the interface is attached" says "e['event'] == 'attached' and e['interface'] == 'r0'"
ok "the rule has no listener" says "e['event'] == 'proxy_down' and e['rule'] == 'web' and 'tcp' in str(e['flows']).lower()"

# whether events are heard; else monitor reads once a second
loader monitor -j --duration 1 >"$WORK/probe" 2>"$WORK/log/probe"
HEARD=$(head -n 1 "$WORK/probe" | json_value "o['heard']")
heard() { [[ $HEARD == True ]]; }
heard || echo "# events are not heard here: $(head -n 1 "$WORK/log/probe")"
# by COMMAND — the event names the command, if events are heard
by() {
	if heard; then echo "e['command'] == '$1'"; else echo "e['command'] is None"; fi
}
more() { # EXPRESSION — another line has it now than the BEFORE that did
	[[ $(times "$1") -gt $BEFORE ]]
}
# changes EXPRESSION CMD… — the command makes another event
changes() {
	BEFORE=$(times "$1")
	try "${@:2}" && wait_for 20 more "$1"
}

# --- listeners ---
ok "the relay starts" relay_start -c "$WORK/conf"
ok "its listeners are seen" says "e['event'] == 'proxy_up' and e['rule'] == 'web'"
ok "by both monitors" wait_for 20 grep -q proxy_up "$T"
ok "flows go through it" steering $SERVER4
relay_stop
ok "the relay ends" wait_for 20 test "$(times "e['event'] == 'proxy_down'")" -ge 1
down() { [[ $(times "e['event'] == 'proxy_down'") -ge 2 ]]; }
ok "that is seen" wait_for 20 down
c curl -gsS -m 1 -o /dev/null "http://$SERVER4/small" 2>/dev/null
ok "drops for lack of a listener" says "e['event'] == 'drops' and e['reason'] == 'down_drop' and 0 < e['packets'] <= e['total']"
c timeout 1 bash -c "exec 3<>/dev/tcp/$SERVER4/9" 2>/dev/null
ok "drops of a rule" says "e['event'] == 'drops' and e['reason'] == 'rule_drop' and e['packets']"
is "differences add up to the total" "$(python3 -c 'import json,sys
e = [json.loads(l) for l in open(sys.argv[1])]
d = [x for x in e if x["event"] == "drops" and x["reason"] == "rule_drop"]
print(sum(x["packets"] for x in d) == d[-1]["total"])' "$J")" True

# --- policies, with the command ---
ok "apply: a flip" changes "e['event'] == 'policy' and $(by apply) and e['generation'] > 0" loader apply "$WORK/other"
ok "port add: an edit" changes "e['event'] == 'policy' and $(by port)" loader port add --rule web tcp/8080
ok "rule add: an edit" changes "e['event'] == 'policy' and $(by rule)" loader rule add more --ports 99 --to 10.77.2.0/24
ok "cidr add: an edit" changes "e['event'] == 'policy' and $(by cidr)" loader cidr add --rule more 10.77.4.0/24
if heard; then
	ok "rollback" changes "e['event'] == 'rolled_back' and $(by rollback)" loader rollback
else
	ok "rollback" changes "e['event'] == 'policy'" loader rollback
fi
ok "apply with a deadline" changes "e['event'] == 'confirm_started' and 0 < e['seconds'] <= 60" \
	loader apply "$WORK/other" --confirm-within 60s
ok "by the other monitor as well" wait_for 20 grep -q confirm_started "$T"
ok "confirm" changes "e['event'] == 'confirmed' and $(by confirm)" loader confirm
ok "another deadline" changes "e['event'] == 'confirm_started'" loader apply "$WORK/conf" --confirm-within 3s
ok "nobody confirms" says "e['event'] == 'rolled_back' and $(by 'not confirmed in time')"
ok "which both monitors see" wait_for 20 grep -q rolled_back "$T"

# --- by hand ---
entry=(pinned "$PINS/ports" key 6 0 35 131)
is "commands are no edits by hand" "$(times "e['event'] == 'drift'")" 0
if heard; then
	ok "an edit with bpftool" changes "e['event'] == 'drift' and e['map'] == 'ports' and (e['set'], e['removed']) == (1, 0)" \
		r bpftool map update "${entry[@]}" value 1 0 0 0 0 0 0 0
	ok "its removal" changes "e['event'] == 'drift' and e['map'] == 'ports' and (e['set'], e['removed']) == (0, 1)" \
		r bpftool map delete "${entry[@]}"
else
	ok "an edit with bpftool" changes "e['event'] == 'policy' and 'by hand' in e['text']" \
		r bpftool map update "${entry[@]}" value 1 0 0 0 0 0 0 0
fi

# --- interfaces ---
ip -n "$ROUTER" link add other0 type veth peer name other1
ip -n "$ROUTER" link set other0 up
do_ok "attach" loader attach other0
ok "is seen" says "e['event'] == 'attached' and e['interface'] == 'other0'"
ip -n "$ROUTER" link del other0
ok "a device that is gone" says "e['event'] == 'interface_gone' and e['interface'] == 'other0'"
ip -n "$ROUTER" link add other0 type veth peer name other1
ip -n "$ROUTER" link set other0 up
ok "it is back" says "e['event'] == 'interface_back' and e['interface'] == 'other0'"
ok "for both monitors" wait_for 20 grep -q interface_back "$T"
"$LOADER" -n "$ROUTER" watch >"$WORK/log/watch" 2>&1 </dev/null &
watch=$!
disown $watch
heard && ok "watch repairs it" says "e['event'] == 'repaired' and e['interface'] == 'other0' and e['what'] == 'device'"
heard || ok "watch repairs it" wait_for 20 grep -q 'other0: repaired: device' "$WORK/log/watch"
ip -n "$ROUTER" rule del pref "$(ip -n "$ROUTER" rule | awk '/ iif r0 / { sub(":", "", $1); print $1; exit }')"
heard && ok "and a routing rule" says "e['event'] == 'repaired' and e['interface'] == 'r0' and e['what'] == 'routing'"
heard || ok "and a routing rule" wait_for 20 grep -q 'r0: repaired: routing' "$WORK/log/watch"
stop "$watch"
do_ok "detach" loader detach other0
ok "is seen" says "e['event'] == 'detached' and e['interface'] == 'other0'"
is "r0 was attached once" "$(times "e['event'] == 'attached' and e['interface'] == 'r0'")" 1

# --- audited flows ---
if heard; then
	cat - "$WORK/conf" >"$WORK/audit" <<-CONF
		[rule seen]
		to     = 10.77.3.0/24 fd77:2::/64
		ports  = 80
		action = audit
	CONF
	do_ok "a rule that audits" loader apply "$WORK/audit"
	c curl -gsS -m 8 -o /dev/null "http://$(bracket $SERVER6)/small"
	flow="e['proto'] == 'tcp' and e['client'] == '$CLIENT6' and e['dst'] == '$SERVER6' and e['dst_port'] == 80 and e['rule'] == 'seen'"
	ok "the begin of an audited flow" says "e['event'] == 'flow_begin' and $flow and e['interface'] == 'r0'"
	ok "and its end, with bytes" says "e['event'] == 'flow_end' and $flow and e['end'] in ('client-fin', 'server-fin') and 50 < e['bytes_up'] < 2000 and e['bytes_down'] > 0 and e['packets_up'] > 3"
	do_ok "apply" loader apply "$WORK/conf"
fi

# --- many events: what is lost is counted ---
counted() {
	python3 -c 'import json,sys
e = [json.loads(l) for l in open(sys.argv[1])]
print(sum(x["event"] == "repaired" and x["what"] == "burst" for x in e) + sum(x.get("events", 0) for x in e))' "$J"
}
all_counted() { [[ $(counted) == 5000 ]]; }
if heard; then
	kill -STOP "$json"
	is "a burst of 5000 events" "$(r python3 "$LIB/burst.py" "$PINS/progs/tproxy_report" 5000)" 5000
	kill -CONT "$json"
	ok "is partly lost" says "e['event'] == 'lost' and e['events'] > 0"
	ok "seen and lost ones are 5000" wait_for 20 all_counted
	ok "the other monitor has them" wait_for 20 grep -q 'repaired: burst' "$T"
fi

# --- the state is removed, and made again ---
do_ok "detach --all" loader detach --all
ok "is seen" says "e['event'] == 'state_gone'"
ok "after the interface" says "e['event'] == 'detached' and e['interface'] == 'r0'"
do_ok "apply" loader apply "$WORK/conf"
made() { [[ $(times "e['event'] == 'state_made'") == 2 && $(times "e['event'] == 'attached' and e['interface'] == 'r0'") == 2 ]]; }
ok "the next one is seen" wait_for 20 made
ok "its commands, too" changes "e['event'] == 'policy' and $(by port)" loader port add --rule web tcp/8080
do_ok "detach --all and apply at once" r bash -c "'$LOADER' --pin-dir $PINS -q detach --all && '$LOADER' --pin-dir $PINS -q apply --learn 0 '$WORK/conf'"
made_again() { [[ $(times "e['event'] == 'state_made'") == 3 ]]; }
ok "that is seen, too" wait_for 20 made_again

# --- ends ---
stop "$json"
ok "each line is valid" valid_lines monitor "$J"
for event in attached policy confirm_started confirmed rolled_back proxy_up proxy_down drops interface_gone \
	interface_back detached state_gone state_made; do
	ok "the text has $event" grep -Eq "^[0-9-]{10}T[0-9:.]{12}Z $event " "$T"
done
kill -KILL "$text"
is "SIGKILL ends it" "$(status "$T")" 137
ours() { bpftool prog list | grep -c tproxy_heard; }
gone() { [[ $(ours) == 0 ]]; }
ok "a killed monitor leaves no program" wait_for 10 gone
monitor "$WORK/counting" --count 1
loader -q port add --rule web tcp/8081
is "--count 1 ends after an event" "$(status "$WORK/counting") $(wc -l <"$WORK/counting")" "0 2"
do_ok "--duration" loader monitor --duration 1
like "ends after that time" "$OUT" '^[^ ]+ start '
monitor "$WORK/last"
kill -TERM "$MONITOR"
is "SIGTERM ends it with status 0" "$(status "$WORK/last")" 0
for bad in '--count 0' '--count x' '--duration 0' '--duration x' 'what' '--json=1'; do
	# shellcheck disable=SC2086 # words
	refuses "usage: monitor $bad" 2 . loader monitor $bad
done
install -m 755 "$LOADER" "$WORK/tproxy-loader" # where another user may read it
refuses "without the right to read the state" 1 'run as root' \
	r setpriv --reuid 4001 --regid 4001 --clear-groups --inh-caps=-all --bounding-set=-all "$WORK/tproxy-loader" --pin-dir "$PINS" monitor --duration 5
refuses "an unknown namespace" 1 . "$LOADER" -n no-such monitor

# --- a command never fails for its event ---
rm -f "$PINS/progs/tproxy_report" "$PINS/progs/tproxy_watch"
do_ok "without the programs a command works" loader port add --rule web tcp/8082
ok "a monitor, too" monitor "$J" -j
ok "it says what is missing" has "e['event'] == 'start' and not e['heard'] and 'older build' in e['missing']"
ok "also on stderr" grep -q 'events are not heard: the attached programs are of an older build' "$WORK/log/monitor"
do_ok "an apply" loader apply "$WORK/other"
ok "is found by looking" says "e['event'] == 'policy' and e['command'] is None"
do_ok "attach" loader attach other0
ok "is found by looking" says "e['event'] == 'attached' and e['interface'] == 'other0'"
do_ok "detach" loader detach other0
ok "is found by looking" says "e['event'] == 'detached' and e['interface'] == 'other0'"
ok "each line is valid" valid_lines monitor "$J"
do_ok "detach" loader detach --all
ip -n "$ROUTER" link del other0
unchanged "nothing is left" "$WORK/clean"
finish
