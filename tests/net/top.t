#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# top: flows, rules and clients by rate, as a table, as JSON and on a terminal.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/schema.sh
. "$LIB/schema.sh"

value() { json_value "$1" <<<"$OUT"; }
top() { loader top "$@"; }
valid() { ok "$1 is valid" valid_json top "$WORK/out"; }
screen() { # SIZE STEP… — top in an emulated terminal; the options of top are in ARGS
	TERM=${TERMINAL:-linux} LC_ALL=${CHARSET:-C.UTF-8} /usr/bin/python3 "$LIB/screen.py" "$@" -- \
		"$LOADER" -n "$ROUTER" top "${ARGS[@]}"
}
ARGS=()

prepare nginx echo
cat >"$WORK/conf" <<-CONF
	[loader]
	interfaces = r0
	[rule web]
	to     = 10.77.2.0/24 fd77:2::/64
	ports  = 80
	[rule echo]
	ports  = 7007 udp/7007
	to     = 10.77.2.0/24 fd77:2::/64
	[rule never]
	ports  = 9
	to     = 10.77.2.0/24
	action = drop
CONF

# --- without anything ---
try top --once
is "nothing attached, no relay: exit 3" $RC 3
like "says that there is no relay" "$OUT" "flows: no relay runs"
like "and that nothing is attached" "$OUT" "rules: nothing is attached \\(tproxy-loader attach IF, or attach --local\\)"
try top --once -j
is "as JSON: exit 3" $RC 3
valid "the object"
is "it says the same" "$(value "o['attached'], o['relays'], o['flows'], 'no_rules' in o, 'no_flows' in o")" "(False, [], [], True, True)"

# --- rules without a relay ---
do_ok "apply" loader apply "$WORK/conf"
do_ok "rules without a relay" top --once --by rules
like "the table has them" "$OUT" "RULE +ACTION .*echo +proxy .*never +drop .*web +proxy "
like "and says that no relay runs" "$OUT" "flows: no relay runs"
do_ok "as JSON" top --once --by rules -j
valid "the object"
is "the rules with their numbers" "$(value "sorted((r['index'], r['rule'], r['rule_action']) for r in o['rules'])")" \
	"[(0, 'web', 'proxy'), (1, 'echo', 'proxy'), (2, 'never', 'drop')]"

# --- flows ---
ok "the relay starts" relay_start -c "$WORK/conf" --workers 2
ok "flows go through the relay" steering $SERVER4 $SERVER6
ok "an idle flow" hold_flow v4 $SERVER4 7007
ok "one over IPv6" hold_flow v6 $SERVER6 7007
load() {
	nsenter --net="/run/netns/$CLIENT" -- curl -gsS -o /dev/null "http://$(bracket "$1")/load" 2>>"$WORK/log/curl" &
	SERVE_PIDS+=($!)
	disown $!
}
load $SERVER4
loading() { loader flows -j >"$WORK/out" && [[ $(json_value "sum(f['dst_port'] == 80 and f['bytes_down'] > 2000000 for f in o['flows'])" <"$WORK/out") == 1 ]]; }
ok "a download of two megabytes a second runs" wait_for 20 loading
do_ok "flows" top --once -j
valid "the object"
is "the download is the first" "$(value "(f := o['flows'][0])['dst_port'], f['rule'], f['rule_action'], f['via'], f['client']")" \
	"(80, 'web', 'proxy', 'relay', '$CLIENT4')"
ok "its rate is about two megabytes" test "$(value "400000 < o['flows'][0]['rate_down'] < 8000000")" = True
is "idle flows have none, and come later" "$(value "[(f['rate_up'], f['rate_down']) for f in o['flows'] if f['dst_port'] == 7007]")" "[(0, 0), (0, 0)]"
is "the order is by rate" "$(value "[f['rate_up'] + f['rate_down'] for f in o['flows']] == sorted((f['rate_up'] + f['rate_down'] for f in o['flows']), reverse=True)")" True
is "the total is the sum" "$(value "o['total']['rate_down'] == sum(f['rate_down'] for f in o['flows']) and o['total']['flows'] == len(o['flows'])")" True
ok "the interval was about a second" test "$(value "1000 <= o['interval_ms'] < 20000")" = True
do_ok "half a second" top --once -j --interval 0.5
ok "is shorter" test "$(value "500 <= o['interval_ms'] < 20000")" = True
load $SERVER4
do_ok "one row" top --once -j --limit 1
valid "the object"
is "the fastest, and how many more there are" "$(value "[f['dst_port'] for f in o['flows']], o['more'] == o['total']['flows'] - 1")" "([80], True)"
do_ok "as a table" top --once --limit 1
like "the first is the download" "$OUT" "^CLIENT +DESTINATION +PROTO .*UP/s +DOWN/s.*$(escaped $CLIENT4):[0-9]+ +$(escaped $SERVER4):80 +tcp +web "
like "it says how many more" "$OUT" "and [0-9]+ more"
do_ok "clients" top --once -j --by clients
valid "the object"
is "that of the download is the first" "$(value "[c['client'] for c in o['clients']]")" "['$CLIENT4', '$CLIENT6']"
is "with its flows" "$(value "o['clients'][0]['flows'] >= 2, o['clients'][0]['rate_down'] > 400000, o['clients'][1]['rate_down']")" "(True, True, 0)"
do_ok "rules" top --once -j --by rules
valid "the object"
is "have the flows that they would take" "$(value "[(r['rule'], r['flows'] >= 1, r['rate_down'] > 400000) for r in o['rules']][0]")" "('web', True, True)"
is "echo has two" "$(value "[r['flows'] for r in o['rules'] if r['rule'] == 'echo']")" "[2]"

# --- starts and drops, again and again ---
(for _ in {1..60}; do
	c curl -gsS -m 2 -o /dev/null "http://$SERVER4/small"
	c timeout 0.05 bash -c "exec 3<>/dev/tcp/$SERVER4/9"
done >/dev/null 2>&1) &
disown $!
starter=$!
# the first three objects of a stream
timeout 60 "$LOADER" -n "$ROUTER" top -j --by rules | head -n 3 >"$WORK/stream"
is "an object after each interval" "$(wc -l <"$WORK/stream")" 3
ok "each is valid" valid_lines top "$WORK/stream"
stream() { python3 -c 'import json,sys; o = [json.loads(l) for l in open(sys.argv[2])]; print(eval(sys.argv[1]))' "$1" "$WORK/stream"; }
is "rules have flow starts a second" "$(stream "any(r['started_rate'] > 0 for f in o for r in f['rules'] if r['rule'] == 'web')")" True
is "those of a drop rule as well" "$(stream "any(r['packets_rate'] > 0 for f in o for r in f['rules'] if r['rule'] == 'never')")" True
is "drops are counted" "$(stream "any(f['total']['drops_rate'] > 0 for f in o)")" True
kill $starter 2>/dev/null

# --- on a terminal ---
load_again() { # one download after the other
	nsenter --net="/run/netns/$CLIENT" -- bash -c "while curl -gsS -o /dev/null 'http://$(bracket "$1")/load'; do :; done" 2>>"$WORK/log/curl" &
	SERVE_PIDS+=($!)
	disown $!
}
load_again $SERVER6
load_again $SERVER4
ok "flows, wide" screen 140x30 'see=flows by rate, every 1.0 s' 'see=[0-9]+ flows?, [0-9]+ client' \
	"see=^$(escaped "[$CLIENT6]"):[0-9]+ +$(escaped "[$SERVER6]"):80 +tcp +web" 'see=q quit  s sort' key=q end=0
ok "80 columns: rates stay" screen 80x24 "see=^CLIENT +DESTINATION.* DOWN/s" "see=^$(escaped $CLIENT4):[0-9]+ " key=q end=0
ok "keys choose the view" screen 80x24 'see=^flows by rate' key=r 'see=^rules by rate' 'see=^RULE .*NEW/s' 'see=^never +drop' \
	key=c 'see=^clients by rate' "see=^$(escaped $CLIENT4) " key=f 'see=^flows by' key=q end=0
ok "s sorts" screen 100x24 'see=^flows by rate' key=s 'see=^flows by bytes' key=s 'see=^flows by age' \
	"see=DOWN/s *\n$(escaped $CLIENT4):[0-9]+ +$(escaped $SERVER4):7007" key=s 'see=^flows by name' key=s 'see=^flows by rate' key=q end=0
ok "/ filters" screen 100x24 'see=:80 ' key=/ 'see=^/$' key=7007 'see=^/7007$' 'see=filter: 7007' 'gone=:80 ' 'key=\n' \
	'see=q quit' 'see=:7007 ' 'key=\x1b' 'gone=filter: 7007' 'see=:80 ' key=q end=0
ok "a key that ends top is text in a filter" screen 80x24 'see=^flows' key=/q 'see=^/q$' 'key=\b' 'see=^/$' 'key=\n' key=q end=0
ok "? helps" screen 80x24 'see=^flows' key=? 'see=any key returns' key=x 'see=^flows by' key=q end=0
ARGS=(--by rules)
ok "--by chooses the first view" screen 80x24 'see=^rules by rate' key=q end=0
ARGS=()
ok "a resize" screen 80x24 'see=DOWN/s' size=40x10 'see=^CLIENT' 'gone=AGE' 'see=^.{39}…$' size=140x30 'see=PROTO.*DOWN/s' key=q end=0
ok "a tiny terminal" screen 12x3 'see=^[0-9]' size=1x1 size=200x50 'see=PROTO.*DOWN/s' key=q end=0
CHARSET=C ok "ASCII: what is cut ends with ~" screen 30x12 'see=~$' key=q end=0
for name in TERM INT HUP; do
	ok "SIG$name ends it and restores the terminal" screen 80x24 'see=DOWN/s' signal=$name end=0
done
ok "so does Ctrl-C" screen 80x24 'see=DOWN/s' 'key=\x03' end=0
ok "a terminal that closes ends it" screen 80x24 'see=DOWN/s' hangup=
TERMINAL=xterm ok "it uses the other screen" screen 80x24 'see=^.*flows by' 'raw=\x1b\[\?1049h' key=q end=0 'raw=\x1b\[\?1049l'
TERMINAL=dumb ok "a dumb terminal: one sentence" screen 120x24 'see=TERM=dumb: this terminal cannot show a screen \(add --once' end=1
TERMINAL=dumb ARGS=(--once)
ok "--once needs no cursor" screen 120x24 'see=CLIENT' end=0
TERMINAL=linux ARGS=()
freeze "$RELAY_PID"
ok "a relay that does not answer holds up no key" screen 80x24 'see=reading' key=q end=0
ok "nor SIGTERM" screen 80x24 'see=reading' signal=TERM end=0
kill -CONT "$RELAY_PID"

# --- audited flows ---
sed 's/^\[rule web\]/[rule seen]\nports = 7007\nto = 10.77.2.0\/24 fd77:2::\/64\naction = audit\n&/' "$WORK/conf" >"$WORK/audit"
do_ok "a rule that audits" loader apply "$WORK/audit"
talk() { # ADDRESS — a byte, and the answer, again and again
	nsenter --net="/run/netns/$CLIENT" -- python3 - "$1" <<-'END' &
		import socket, sys, time
		s = socket.create_connection((sys.argv[1], 7007))
		while True:
		    s.sendall(bytes(20000))
		    n = 0
		    while n < 20000: n += len(s.recv(65536))
		    time.sleep(0.1)
	END
	SERVE_PIDS+=($!)
	disown $!
}
talk $SERVER4
talk $SERVER6
audited() { top --once -j >"$WORK/out" && [[ $(json_value "sum(f['via'] == 'forwarded' and f['rate_up'] > 0 for f in o['flows'])" <"$WORK/out") == 2 ]]; }
ok "audited flows are there" wait_for 20 audited
OUT=$(<"$WORK/out")
valid "the object"
is "with their rule and client" "$(value "sorted((f['rule'], f['rule_action'], f['client'], f['dst'], f['proto']) for f in o['flows'] if f['via'] == 'forwarded')")" \
	"[('seen', 'audit', '$CLIENT4', '$SERVER4', 'tcp'), ('seen', 'audit', '$CLIENT6', '$SERVER6', 'tcp')]"
ok "rates are plausible" test "$(value "all(5000 < f[k] < 2000000 for f in o['flows'] if f['via'] == 'forwarded' for k in ('rate_up', 'rate_down'))")" = True
do_ok "the table" top --once
like "says that they are forwarded" "$OUT" "VIA .*seen +forwarded"
do_ok "apply" loader apply "$WORK/conf"

# --- names that others wrote ---
bpftool -j map lookup pinned "$PINS/rules" key 0 0 0 0 >"$WORK/rule"
# shellcheck disable=SC2046 # words
ok "a rule gets a name for terminals" r bpftool map update pinned "$PINS/rules" key 0 0 0 0 value hex $(
	python3 - "$WORK/rule" <<-'END'
		import json, sys
		value = [int(b, 16) for b in json.load(open(sys.argv[1]))["value"]]
		name = b"x\x1b[31m\x07\n\xc2\x9b2J\xff"
		value[32:64] = list(name.ljust(32, b"y"))
		print(*(f"{b:02x}" for b in value))
	END
)
do_ok "the rules" top --once --by rules
like "no control character reaches the terminal" "$OUT" $'\nx\\?\\[31m\\?\\?\\?\\?2J\\?y'
nok "not one" grep -qP '[^\x0a -~]' "$WORK/out"
do_ok "the flows" top --once --by flows
nok "neither there" grep -qP '[^\x0a -~]' "$WORK/out"
do_ok "as JSON" top --once -j --by rules
valid "the object"
ok "nor on a screen" screen 120x24 'see=^flows' key=r 'see=^x\?\[31m\?\?\?\?2J\?y' key=q end=0

# --- the state goes and comes ---
coming() { # detaches once top shows rules, then applies
	wait_for 20 grep -q '"rule":"echo"' "$WORK/stream" && loader -q detach --all &&
		wait_for 20 grep -q '"attached":false' "$WORK/stream" && loader -q apply "$WORK/conf" &&
		wait_for 20 tail_has '"rule":"web"'
}
tail_has() { tail -n 1 "$WORK/stream" | grep -q -- "$1"; }
: >"$WORK/stream"
"$LOADER" -n "$ROUTER" top -j --by rules --interval 0.5 >>"$WORK/stream" 2>>"$WORK/log/top" </dev/null &
topper=$!
disown $topper
ok "top outlives a detach --all and the next apply" coming
stop $topper
ok "each object is valid" valid_lines top "$WORK/stream"

# --- a relay that is killed and starts again numbers its flows from 1 ---
: >"$WORK/stream"
"$LOADER" -n "$ROUTER" top -j --interval 0.5 >>"$WORK/stream" 2>>"$WORK/log/top" </dev/null &
topper=$!
disown $topper
ok "steering" steering $SERVER4
ok "a flow" hold_flow before $SERVER4 7007
ok "top shows it" wait_for 20 tail_has '"dst_port":7007'
ok "the relay is killed" relay_stop KILL
ok "another one" relay_start -c "$WORK/conf"
ok "flows go through it" steering $SERVER4
ok "a flow" hold_flow again $SERVER4 7007
ok "top shows it" wait_for 20 tail_has '"dst_port":7007'
stop $topper
is "no rate is absurd" "$(stream "max(f['rate_up'] + f['rate_down'] for i in o for f in i['flows']) < 10**9")" True

# --- usage ---
for bad in '--by ports' '--interval 0' '--interval 0.1' '--interval x' '--interval nan' '--interval 1e3' '--interval 4000' \
	'--limit 0' '--limit x' 'what' '--sort rate'; do
	# shellcheck disable=SC2086 # words
	refuses "usage: top $bad" 2 . loader top $bad
done
finish
