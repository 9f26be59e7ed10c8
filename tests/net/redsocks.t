#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Unmodified programs that were written for REDIRECT serve rules by adopt --original-dst: redsocks with a
# SOCKS server, and for IPv6, which redsocks does not know, a small one. Routed flows, and the host's own.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/adopt.sh"
. "$(dirname "$0")/../lib/own.sh"

command -v redsocks >/dev/null || fatal "redsocks is installed"
command -v microsocks >/dev/null || fatal "microsocks is installed"

serve_redsocks() {
	local user

	user=$(id -u redsocks 2>/dev/null || echo 65534)
	cat >"$WORK/redsocks.conf" <<-CONF
		base { log_debug = off; log_info = on; log = "stderr"; daemon = off; redirector = iptables; }
		redsocks { local_ip = 127.0.0.1; local_port = 12345; ip = 127.0.0.1; port = 1080; type = socks5; }
	CONF
	chmod 644 "$WORK/redsocks.conf"
	serve_run microsocks "$ROUTER" sh -c "echo \$\$ >$CGROUP/proxy/cgroup.procs; exec microsocks -i 127.0.0.1 -p 1080"
	wait_for 20 listening "$ROUTER" tcp 1080 || return
	serve_run redsocks "$ROUTER" sh -c "echo \$\$ >$CGROUP/proxy/cgroup.procs
		exec setpriv --reuid=$user --regid=$user --clear-groups redsocks -c $WORK/redsocks.conf"
	REDSOCKS=$!
	wait_for 20 listening "$ROUTER" tcp 12345
}

# of 200 connections to four destinations, how many reach the right one
rights() { # CMD ADDRESS…
	local run=$1 address pids=() sum=0
	shift

	for address in "$@"; do
		"$run" "$PYTHON" "$WORK/adopt.py" right "$address" 80 50 >"$WORK/right.$address.80" &
		pids+=($!)
		"$run" "$PYTHON" "$WORK/adopt.py" right "$address" 8080 50 >"$WORK/right.$address.8080" &
		pids+=($!)
	done
	wait "${pids[@]}"
	for address in "$@"; do
		sum=$((sum + $(<"$WORK/right.$address.80") + $(<"$WORK/right.$address.8080")))
	done
	echo "$sum"
}

prepare
own_cgroups
serve_run destinations "$SERVER" "$PYTHON" "$LIB/adopt.py" serve :: 80 8080
wait_for 20 grep -q ready "$WORK/log/destinations" || fatal "the servers start"
ok "redsocks starts" serve_redsocks
do_ok "attach" loader attach r0 --ports 80,8080 --proxy 12345
is "as it is, it serves nobody" "$(ask $SERVER4 80)" TimeoutError
do_ok "adopt" loader adopt --pid "$REDSOCKS" --original-dst
bypass_reset
is "redsocks: 200 of 200 routed connections" "$(rights c $SERVER4 $EXTRA4)" 200
bypass_none "none went past it"
ok "all were relayed by it" test "$(grep -c 'accepted' "$WORK/log/redsocks")" -ge 200

ADOPT_CGROUP=$CGROUP/proxy
victim relay6 --relay --v6 ::1 12345
do_ok "adopt the one for IPv6" loader adopt --pid $ADOPT_PID --original-dst
bypass_reset
is "IPv6: 200 of 200 routed connections" "$(rights c $SERVER6 $EXTRA6)" 200
bypass_none "none went past it"

# ---- what the host itself sends ----

ok "the rule is for own traffic as well" own_rule "ports = 80,8080" "proxy = 12345"
ok "attach for own traffic" own_attach
accepted=$(grep -c 'accepted' "$WORK/log/redsocks")
is "redsocks: 200 of 200 own connections" "$(rights app $SERVER4 $EXTRA4)" 200
ok "all were relayed by it" test "$(grep -c 'accepted' "$WORK/log/redsocks")" -ge $((accepted + 200))
is "IPv6: 200 of 200 own connections" "$(rights app $SERVER6 $EXTRA6)" 200
do_ok "detach own traffic" own_detach

do_ok "detach --all" loader detach --all
is "the listeners are as they were" "$(transparent 12345)" "yes=0 no=2"
finish
