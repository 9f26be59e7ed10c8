#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# An attached device that moves to another network namespace is not intercepted there. A device
# that gets the number of one that is gone is left alone. watch distinguishes a rename from both.
. "$(dirname "$0")/../lib/test.sh"

AWAY=$ROUTER-away
away() { nsenter --net="/run/netns/$AWAY" -- "$@"; }
index_of() { ip -n "$ROUTER" -o link show "$1" | cut -d: -f1; }
programs() { r python3 "$LIB/net.py" attached "$1"; }

# leave — r0 goes, and works where it is: the client reaches a server there
leave() {
	ip -n "$ROUTER" link set r0 netns "$AWAY" &&
		topo_address "$AWAY" r0 "$GATE4"/24 "$GATE6"/64 && ip -n "$AWAY" link set lo up &&
		ip -n "$AWAY" addr replace "$SERVER4"/32 dev lo &&
		ip -n "$AWAY" addr replace "$SERVER6"/128 dev lo nodad
}
come_back() {
	ip -n "$AWAY" link set r0 netns "$ROUTER" && topo_address "$ROUTER" r0 "$GATE4"/24 "$GATE6"/64
}
# answered — yes or no, for either family
answered() {
	local to

	for to in $SERVER4 $SERVER6; do
		if c curl -gsS -o /dev/null -m "${1:-3}" "http://$(bracket "$to"):8000/" 2>/dev/null; then
			echo yes
		else
			echo no
		fi
	done | paste -sd' '
}
answered_there() { [[ $(answered) == "yes yes" ]]; }

watch_start() {
	"$LOADER" -n "$ROUTER" "$@" watch >"$WORK/log/watch.out" 2>"$WORK/log/watch" </dev/null &
	WATCH_PID=$!
	disown "$WATCH_PID"
	wait_for 10 grep -q watching "$WORK/log/watch"
}
attached() { # HOOK DEVICE
	[[ $(loader status --json | json_value \
		"[i['hook'] for i in o['interfaces'] if i['name'] == '$2' and i['present']]") == "['$1']" ]]
}

prepare nginx
ip netns add "$AWAY"
serve_run away "$AWAY" python3 -m http.server 8000 --bind :: --directory "$WORK/www"
ok "a server runs in the other namespace" wait_for 10 listening "$AWAY" tcp 8000
snapshot_quick | sort >"$WORK/before"

moves() { # HOOK
	local hook=$1 index

	do_ok "$hook: attach" loader attach r0 --ports 8000 --hook "$hook"
	index=$(index_of r0)
	ok "$hook: r0 leaves" leave
	if [[ $hook == tcx ]]; then
		is "$hook: the program goes with it" "$(answered 1)" "no no"
	else
		ok "$hook: the kernel removes filters of a device that leaves" wait_for 15 answered_there
	fi
	like "$hook: status" "$(loader status)" 'r0: gone'
	# another device, with the number of the one that has left
	ip -n "$ROUTER" link add name other index "$index" type veth peer name peer
	like "$hook: it is not taken for r0" "$(loader status)" 'r0: gone'
	do_ok "$hook: clean" loader clean
	ok "$hook: r0 works there" wait_for 15 answered_there
	is "$hook: the other device was left alone" "$(programs other)" "$(programs lo)"
	ip -n "$ROUTER" link del other
	ok "$hook: r0 comes back" come_back
	wait_for 10 topo_settled
	snapshot_quick | sort >"$WORK/now"
	same_text "$hook: nothing is left" "$WORK/before" "$WORK/now"

	do_ok "$hook: attach" loader attach r0 --ports 8000 --hook "$hook"
	ok "$hook: r0 leaves" leave
	do_ok "$hook: detach by name" loader detach r0
	ok "$hook: r0 works there" wait_for 15 answered_there
	ok "$hook: r0 comes back" come_back
	do_ok "$hook: detach --all" loader detach --all

	do_ok "$hook: attach" loader attach r0 --ports 8000 --hook "$hook"
	ok "$hook: watch starts" watch_start
	ok "$hook: r0 leaves" leave
	ok "$hook: watch detaches it there" wait_for 10 answered_there
	if [[ $hook == tcx ]]; then
		ok "$hook: and reports it" wait_for 5 grep -q \
			'r0: repaired: detached in the network namespace it left for' \
			"$WORK/log/watch"
	fi
	ok "$hook: r0 comes back" come_back
	ok "$hook: and is attached again" wait_for 10 attached "$(auto_hook)" r0
	stop "$WATCH_PID"
	do_ok "$hook: detach" loader detach --all
	r tc qdisc del dev r0 clsact 2>/dev/null
}
# what is gone is attached again by the better hook
auto_hook() { loader features | grep -Eq 'tcx +yes' && echo tcx || echo clsact; }

numbers() { # HOOK
	local hook=$1 index

	do_ok "$hook: attach" loader attach r1 --ports 8000 --hook "$hook"
	index=$(index_of r1)
	ok "$hook: watch starts" watch_start
	r ip link set r1 down
	r ip link set r1 name lan1
	ok "$hook: a renamed device is followed" wait_for 10 attached "$hook" lan1
	r ip link set lan1 name r1
	ok "$hook: and back" wait_for 10 attached "$hook" r1
	freeze "$WATCH_PID"
	ip -n "$ROUTER" link del r1
	ip -n "$ROUTER" link add name other index "$index" type veth peer name peer
	r tc qdisc add dev other clsact
	kill -CONT "$WATCH_PID"
	# one that is to be repaired shows that watch has looked
	do_ok "$hook: attach r0" loader attach r0 --ports 8000
	r ip -4 rule del iif r0
	ok "$hook: watch looks" wait_for 10 grep -q 'r0: repaired: routing' "$WORK/log/watch"
	is "$hook: a device with the number of one that is gone is left alone" \
		"$(programs other) $(r tc filter show dev other ingress)" "$(programs lo) "
	unlike "$hook: and is not reported as renamed" "$(cat "$WORK/log/watch" "$WORK/log/watch.out")" 'other'
	like "$hook: status shows the one that is gone" "$(loader status)" 'r1: gone'
	ip -n "$ROUTER" link add r1 type veth peer name s9
	ok "$hook: it comes back under another number" wait_for 10 attached "$(auto_hook)" r1
	is "$hook: one entry is left of it" "$(loader status --json | json_value \
		"[i['name'] for i in o['interfaces']].count('r1')")" 1
	like "$hook: the other one's qdisc is left" "$(r tc qdisc show dev other)" clsact
	stop "$WATCH_PID"
	ip -n "$ROUTER" link del r1

	# the entry of a device that is gone says nothing of one that is attached under its number
	do_ok "$hook: detach" loader detach --all
	ip -n "$ROUTER" link add name r1 type veth peer name s9
	index=$(index_of r1)
	do_ok "$hook: attach to divert" loader attach r1 --divert-only --hook "$hook"
	ip -n "$ROUTER" link del r1
	ip -n "$ROUTER" link add name r2 index "$index" type veth peer name s9
	do_ok "$hook: attach another device of its number" loader attach r2 --ports 8000 --hook "$hook"
	is "$hook: it has its own role only" "$(loader status --json | json_value \
		"[(i['name'], i['roles']) for i in o['interfaces']]")" "[('r2', ['policy'])]"
	unlike "$hook: no rule names the old one" "$(r ip rule)" 'iif r1'
	do_ok "$hook: detach" loader detach --all
	ip -n "$ROUTER" link del r2
	ip -n "$ROUTER" link del other
	r ip link add r1 type veth peer name s9
}

for hook in tcx clsact; do
	[[ $hook == clsact || $(auto_hook) == tcx ]] || continue
	moves $hook
done
for hook in tcx clsact; do
	[[ $hook == clsact || $(auto_hook) == tcx ]] || continue
	numbers $hook
done
ip netns del "$AWAY"
finish
