#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# watch restores within a second what gets lost, follows devices, and reports what it did.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/schema.sh
. "$LIB/schema.sh"

prepare nginx
ok "the relay starts" relay_start

WATCH_PID=
watch_start() { # ARGS…
	"$LOADER" -n "$ROUTER" "$@" >"$WORK/log/watch.out" 2>"$WORK/log/watch" </dev/null &
	WATCH_PID=$!
	disown "$WATCH_PID"
	wait_for 10 grep -q watching "$WORK/log/watch"
}
watch_stop() { stop "$WATCH_PID" "${1:-TERM}"; }

# restored WHAT COUNT — that many repairs of this kind were reported
restored() { [[ $(grep -c "repaired: $1\$" "$WORK/log/watch") -ge $2 ]]; }
healthy() {
	loader --json status >"$WORK/healthy"
	python3 -c '
import json, sys
s = json.load(open(sys.argv[2]))
ok = s["sk_lookup"] and all(i["hook"] != "none" and i["routing4"] == i["routing6"] == "ok" for i in s["interfaces"])
sys.exit(not (ok and len(s["interfaces"]) == int(sys.argv[1])))' "${1:-1}" "$WORK/healthy"
}
# within_a_second DESCRIPTION CMD… — on an idle machine; the limit is for a busy one, and below the ten
# seconds after which watch checks everything without an event
within_a_second() {
	local what=$1
	shift
	ok "$what" wait_for 8 "$@"
}

ok "watch waits while nothing is attached" watch_start watch
do_ok "attach under its eyes" loader attach r0 --ports 80
ok "new flows go through the relay" steering $SERVER4 $SERVER6

ip -n "$ROUTER" -4 rule del pref 150
within_a_second "a deleted IPv4 rule comes back" healthy
ip -n "$ROUTER" -6 rule del pref 150
within_a_second "a deleted IPv6 rule comes back" healthy
ip -n "$ROUTER" route flush table 15001
within_a_second "a flushed table comes back" healthy
ip -n "$ROUTER" -6 route flush table 15001
within_a_second "a flushed IPv6 table comes back" healthy
ok "it reported them" restored routing 4
is "and flows are relayed" "$(seen $SERVER4) $(seen $SERVER6)" "relay relay"

ip -n "$ROUTER" addr add 10.77.9.9/32 dev r1
is_local() {
	bpftool map lookup pinned "$PINS/internal/local" key \
		0 0 0 0 0 0 0 0 0 0 255 255 10 77 9 "$1" | grep -q value
}
within_a_second "a new address of the router is known" is_local 9
ip -n "$ROUTER" addr del 10.77.9.9/32 dev r1
not_local() { ! is_local 9; }
within_a_second "and forgotten when it goes" not_local

# the device goes and comes back under another index
reborn() {
	ip -n "$ROUTER" link del r0
	ip -n "$CLIENT" link add c0 type veth peer name r0 netns "$ROUTER"
	topo_address "$CLIENT" c0 $CLIENT4/24 $CLIENT6/64
	topo_address "$ROUTER" r0 $GATE4/24 $GATE6/64
	ip -n "$CLIENT" route replace default via $GATE4
	ip -n "$CLIENT" route replace default via $GATE6
}
for round in 1 2 3; do
	reborn
	within_a_second "re-created interface $round is attached again" healthy
done
ok "it reported them" restored device 3
ok "flows are relayed on it" steering $SERVER4 $SERVER6
is "one entry is left" "$(bpftool map dump pinned "$PINS/ifaces" -j | grep -o '"formatted"' | wc -l)" 1

r ip link set r0 down
r ip link set r0 name lan0
r ip link set lan0 up
within_a_second "a renamed interface is followed" healthy
like "its rule has the new name" "$(ip -n "$ROUTER" rule)" 'iif lan0 '
unlike "not the old one" "$(ip -n "$ROUTER" rule)" 'iif r0 '
r ip link set lan0 down
r ip link set lan0 name r0
r ip link set r0 up
ip -n "$ROUTER" -6 addr replace $GATE6/64 dev r0 nodad
within_a_second "and back" healthy

# a device that joins a bridge is out of reach: nothing can be repaired, but it is reported, each time,
# and so is that it is back
lost() { [[ $(grep -c 'warning: r0: its flows are no longer intercepted' "$WORK/log/watch") -eq $1 ]]; }
found() { [[ $(grep -c 'no longer: r0: its flows are' "$WORK/log/watch") -eq $1 ]]; }
ip -n "$ROUTER" link add br0 type bridge
for round in 1 2; do
	ip -n "$ROUTER" link set r0 master br0
	within_a_second "a device that joins a bridge is reported, time $round" lost $round
	ip -n "$ROUTER" link set r0 nomaster
	within_a_second "and that it works again" found $round
	ok "which were reported once" lost $round
done
ip -n "$ROUTER" link del br0

# messages lost: a stopped watch whose socket runs over
freeze "$WATCH_PID"
for ((i = 0; i < 40; i++)); do
	for ((j = 0; j < 100; j++)); do
		echo "addr add 10.90.$i.$j/32 dev r1"
		echo "addr del 10.90.$i.$j/32 dev r1"
	done
done | ip -n "$ROUTER" -batch -
ip -n "$ROUTER" -4 rule del pref 150
kill -CONT "$WATCH_PID"
within_a_second "a rule deleted in a flood of messages comes back" healthy

watch_stop KILL
is "kill -9 leaves everything attached" "$(seen $SERVER4) $(seen $SERVER6)" "relay relay"

# globs, events as JSON, sd_notify
python3 - "$WORK/notify" >"$WORK/notified" 2>/dev/null <<'PY' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("listening", flush=True)
while True:
    print(s.recv(4096).decode(), flush=True)
PY
listener=$!
disown $listener
wait_for 5 grep -q listening "$WORK/notified"
export NOTIFY_SOCKET=$WORK/notify
ok "watch with a glob" watch_start --json watch 'tpx*'
unset NOTIFY_SOCKET
ok "it says READY to systemd" wait_for 20 grep -q READY=1 "$WORK/notified"
ip -n "$ROUTER" link add tpx1 type veth peer name tpy1
ip -n "$ROUTER" link set tpx1 up
within_a_second "a device that matches is attached" healthy 2
like "the event names it" "$(cat "$WORK/log/watch.out")" '"event":"repair","what":"attached","interface":"tpx1"'
ip -n "$ROUTER" link del tpx1
ip -n "$ROUTER" link add tpx1 type veth peer name tpy1
within_a_second "also when it was re-created" healthy 2

relay_stop KILL
c curl -s -m 1 http://$SERVER4/ >/dev/null
ok "a flow without a listener is an event" wait_for 20 grep -q '"event":"no_listener"' "$WORK/log/watch.out"
# nobody announces that a listener has closed: the checks run every ten seconds
ok "and so is the problem" wait_for 20 grep -q '"event":"problem","id":"no-listener","verdict":"broken","rule":"default"' "$WORK/log/watch.out"
ok "the relay starts again" relay_start
ok "which solves it" wait_for 20 grep -q '"event":"solved","id":"no-listener"' "$WORK/log/watch.out"
is "it was reported once" "$(grep -c '"event":"problem","id":"no-listener"' "$WORK/log/watch.out")" 1
watch_stop
ok "its events are as the schema says" valid_lines watch "$WORK/log/watch.out"
like "SIGTERM ends it with a summary" "$(tail -1 "$WORK/log/watch")" 'repairs; everything stays attached'
ok "it notified systemd" wait_for 5 grep -q STOPPING=1 "$WORK/notified"
ok "what was attached stays so" healthy 2
stop $listener
do_ok "detach" loader detach --all
finish
