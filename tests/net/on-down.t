#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Without a relay, flows fare as --on-proxy-down says, and a new relay restores them. One relay is
# killed under load.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx dns

down_case() { # POLICY WHAT-A-CLIENT-SEES COUNTER
	local to before

	ok "$1: the relay starts" relay_start
	do_ok "$1: attach" loader attach r0 --ports 80,udp/53 --on-proxy-down "$1"
	ok "$1: flows go through the relay" steering $SERVER4 $SERVER6
	bypass_reset
	c curl -gsS -m 30 "http://$SERVER4/load" >/dev/null 2>&1 &
	ok "$1: a transfer is under way" wait_for 10 transfer_runs
	relay_stop KILL
	before=$(counter "$3")
	for to in $SERVER4 $SERVER6; do
		is "$1: TCP to $to" "$(cpy probe "$to" 80 3)" "$2"
		is "$1: UDP to $to" "$(dig_once "$to")" "${4-}"
	done
	like "$1: the counter $3 increases" "$(($(counter "$3") > before))" 1
	if [[ $1 == pass ]]; then
		unlike "$1: flows are forwarded" "$(bypassed udp)" '^0?$'
	else
		bypass_none "$1: nothing is forwarded"
	fi
	ok "$1: a new relay starts" relay_start
	ok "$1: and flows go through it" steering $SERVER4 $SERVER6
	is "$1: UDP is answered again" "$(dig_at $SERVER4 test.tproxy A)" 10.77.2.200
	relay_stop
	do_ok "$1: detach" loader detach --all
}

transfer_runs() { [[ -n $(c ss -Htn state established dst "$SERVER4" dport = :80) ]]; }
dig_once() { c dig +short +tries=1 +time=2 "@$1" test.tproxy A 2>/dev/null | grep -v '^;'; }

down_case drop timeout down_drop
down_case pass "connected open" down_pass 10.77.2.200
down_case reset refused down_reset
finish
