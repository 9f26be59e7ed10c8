#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A proxy is never its own client: the relay runs in the cgroup of the applications, under the same
# user, with rules for every destination, and is told apart by its process alone.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

prepare nginx dns
own_cgroups
own_ways

# in the cgroup of the applications, with all it starts
shared_relay() {
	local rc=0

	echo "$BASHPID" >"$CGROUP/app/cgroup.procs"
	relay_start "$@" || rc=1
	echo "$BASHPID" >"$CGROUPS/cgroup.procs"
	return "$rc"
}
own_attach_here() { loader attach --local --cgroup "$CGROUP"; }
get() { app curl -gsS -m 8 "http://$(bracket "$1")/whoami"; }
ask() { app dig +short +tries=2 +time=3 "@$1" test.tproxy A "${@:2}"; }
records() { grep -c -- " -> .*:$1 " "$RELAY_LOG"; }

# flows TEXT — one of each kind. Each flow has one record: a loop would have many
flows() {
	local server before

	before=$(records 80)
	for server in $SERVER4 $SERVER6; do
		like "$1: curl to $server" "$(get "$server")" "^$(escaped "$(source_for "$server")") "
		is "$1: dig to $server" "$(ask "$server")" 10.77.2.200
		is "$1: dig to $server, TCP" "$(ask "$server" +tcp)" 10.77.2.200
	done
	ok "$1: both are recorded" wait_for 10 test "$(($(records 80) - before))" -ge 2
	is "$1: each of them once" "$(($(records 80) - before))" 2
}
attach_all() {
	do_ok "$1: attach" loader attach r0 --local --cgroup "$CGROUP" --ports 53,80,udp/53 --to all
	do_ok "$1: attach for own traffic" own_attach_here
}
detach_all() {
	do_ok "$1: detach own traffic" own_detach
	do_ok "$1: detach" loader detach --all
}

own_task_there() { bpftool map dump pinned "$PINS/internal/own_tasks" -j | grep -q pidns; }

# hand_over SOURCE — the next relay takes the listeners over while flows begin. No flow is lost, and each
# has one record, in one of the two logs
REQUESTS=60
hand_over() {
	local old_log=$RELAY_LOG old_pid=$RELAY_PID first

	first=$(records 80)
	requests >"$WORK/answers" &
	local requests=$!
	ok "$1: flows begin" wait_for 20 test -s "$WORK/answers"
	ok "$1: the next relay takes over" shared_relay --source "$1"
	ok "$1: the old one ends" wait_for 30 process_gone "$old_pid"
	wait $requests
	is "$1: every request is answered" "$(grep -c "^10.77\|^fd77" "$WORK/answers")" $REQUESTS
	recorded() { cat "$old_log" "$RELAY_LOG" | grep -c -- " -> .*:80 "; }
	ok "$1: each is recorded" wait_for 10 eval "[[ \$(recorded) -ge $((first + REQUESTS)) ]]"
	is "$1: once" "$(($(recorded) - first))" $REQUESTS
	flows "$1, after the hand-over"
}
requests() {
	local i server

	for ((i = 0; i < REQUESTS; i++)); do
		server=$SERVER4
		((i % 2)) || server=$SERVER6
		get "$server"
		echo
	done
}

for source in own client-ip; do
	# the relay first: whoever attaches enters it before the hooks
	ok "$source: the relay starts" shared_relay --source $source
	do_ok "$source: attach" loader attach r0 --local --cgroup "$CGROUP" --ports 53,80,udp/53 --to all
	do_ok "$source: attach for own traffic" own_attach_here
	ok "$source: the relay notes itself" wait_for 10 own_task_there
	like "$source: it is in the cgroup of the applications" "$(<"/proc/$RELAY_PID/cgroup")" "/app(\$|[[:space:]])"
	flows "$source, relay first"

	relay_stop KILL
	ok "$source: the relay starts after a kill" shared_relay --source $source
	ok "$source: it registers" relay_says "registered in"
	flows "$source, after a kill"
	hand_over "$source"
	detach_all "$source"
	attach_all "$source, again"
	ok "$source: the relay that runs notes itself again" wait_for 10 own_task_there
	ok "$source: it registers again" wait_for 10 eval "[[ \$(grep -c 'registered in' '$RELAY_LOG') -ge 2 ]]"
	flows "$source, attached again"
	detach_all "$source"
	relay_stop

	attach_all "$source"
	ok "$source: the relay starts afterwards" shared_relay --source $source
	ok "$source: it registers afterwards" relay_says "registered in"
	flows "$source, relay last"
	detach_all "$source"
	relay_stop
done
# --- an upstream proxy on this host, which is no listener of a rule: the relay names it ---
serve_run socks "$ROUTER" sh -c "echo \$\$ >$CGROUP/app/cgroup.procs; exec microsocks -i 127.0.0.1 -p 1080"
wait_for 30 listening "$ROUTER" tcp 1080
ok "the relay with an upstream starts" shared_relay --upstream socks5://127.0.0.1:1080
do_ok "attach" loader attach r0 --local --cgroup "$CGROUP" --ports 80 --to all
for server in $SERVER4 $SERVER6; do
	before=$(records 80)
	like "upstream: curl to $server" "$(get "$server")" "^$(escaped "$(source_for "$server")") "
	ok "upstream: it is recorded" wait_for 10 test "$(records 80)" -gt "$before"
	is "upstream: once" "$(($(records 80) - before))" 1
done
detach_all "upstream"
relay_stop
finish
