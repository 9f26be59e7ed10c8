# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Listeners of the relay that other programs destroy (ss -K, SOCK_DESTROY), shut down or replace. Needs
# test.sh.

# destroy_ready — this kernel and ss can destroy a listener
destroy_ready() {
	local pid rc

	r python3 "$LIB/destroy.py" wait 3199 >/dev/null 2>&1 &
	pid=$!
	wait_for 5 listening "$ROUTER" tcp 3199 || return
	r ss -K -t state listening "sport = :3199" >/dev/null 2>&1
	wait_for 2 not_listening 3199
	rc=$?
	kill "$pid" 2>/dev/null
	return $rc
}
not_listening() { ! listening "$ROUTER" tcp "$1"; }

# destroy_tcp, destroy_udp — every listener on the loopback addresses of the router
destroy_tcp() { r ss -K -t state listening >/dev/null; }
destroy_udp() {
	r ss -K -u -a "src 127.0.0.1" >/dev/null
	r ss -K -u -a "src [::1]" >/dev/null
}

# relay_listeners — prints how many listeners the relay has: TCP, UDP
relay_listeners() {
	echo "$(r ss -Htln | wc -l) $(r ss -Huan | grep -Ec '(127\.0\.0\.1|\[::1\]):[0-9]+ ')"
}
relay_listeners_are() { [[ $(relay_listeners) == "$1" ]]; }

# verdict, verdict_is WORD — what status says in all
verdict() { loader -j status | json_value "o['verdict']"; }
verdict_is() { [[ $(verdict) == "$1" ]]; }

# relay_helper — prints the process id of the helper
relay_helper() { pgrep -P "$RELAY_PID"; }

# squat PORT tcp|udp [shut|4|6] — a process of the router destroys the relay's listeners of that port,
# or shuts them down, until it has the port itself, over both families or one; SQUAT_PID is the process
squat() {
	serve_run "squat-$2" "$ROUTER" python3 "$LIB/destroy.py" squat "$1" "$2" "$RELAY_PID" "${3:-}"
	# shellcheck disable=SC2034 # for the script
	SQUAT_PID=${SERVE_PIDS[-1]}
	wait_for 30 grep -q squatting "$WORK/log/squat-$2"
}
