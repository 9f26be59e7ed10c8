# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What `scripts/demo chaos` breaks, one thing at a time, in a set-up that works. For each it shows
# the command that breaks it, what doctor says, the cure that doctor names, and that flows go
# through the relay again. Needs scripts/demo.
# shellcheck disable=SC2034 # FAILED is of scripts/demo

# doctor_brief — shows what doctor finds; all that is well is left out
doctor_brief() {
	echo "router# tproxy-loader doctor"
	loader -j doctor 2>&1 >"$WORK/findings" | sed 's/^/    /'
	json_value "'\n'.join('    ' + ('×' if p['verdict'] == 'broken' else '‼') + ' ' + p['id'] + ': ' +
		' '.join(filter(None, (p.get('interface'), p['text']))) +
		'\n      cure: ' + p['next'] for p in o['problems']) or '    √ nothing is wrong'" <"$WORK/findings"
}

# ids — prints the ids of what was found
ids() { json_value "' '.join(sorted(set(p['id'] for p in o['problems']))) or '-'" <"$WORK/findings"; }

# cure ID PATTERN — prints the command in the cure of that id: what the sed pattern \(…\) matches
cure() {
	json_value "[p['next'] for p in o['problems'] if p['id'] == '$1'][0]" <"$WORK/findings" |
		sed -n "s/^$2.*/\1/p"
}

# chaos_case TITLE ID COMMAND PATTERN [CURE] — breaks it by COMMAND, and mends it by the cure of ID
chaos_case() {
	title "$1"
	run router "$3" || FAILED=1
	chaos_mend "$2" "$4" "${5-}"
}

# chaos_mend ID PATTERN [CURE] — doctor says what was broken; its cure is carried out. CURE: what a
# cure comes to that is no command
chaos_mend() {
	local command

	chaos_effect
	doctor_brief
	expect "doctor names it" "$(ids | tr ' ' '\n' | grep -cFx "$1")" 1
	command=${3:-$(cure "$1" "$2")}
	run router "${command:-false}" || FAILED=1
	chaos_well
}

chaos_well() {
	wait_for 20 chaos_is_well
	doctor_brief
	expect "nginx sees the router again: flows go through the relay" \
		"$(whoami_at "$SERVER4" | cut -d' ' -f1) $(whoami_at "$SERVER6" | cut -d' ' -f1)" \
		"$ROUTER4 $ROUTER6"
	expect "doctor finds nothing" "$(ids)" -
}
chaos_is_well() {
	[[ $(whoami_at "$SERVER4") == "$ROUTER4 "* && $(whoami_at "$SERVER6") == "$ROUTER6 "* ]] &&
		loader -q doctor
}

# chaos_effect — shows what a client gets
chaos_effect() {
	local address peer

	for address in "$SERVER6" "$SERVER4"; do
		peer=$(c curl -gs -m 1 "http://$(bracket "$address")/whoami") || peer=
		echo "client# curl http://$(bracket "$address")/whoami"
		echo "    ${peer:-no answer}"
	done
}

# The cures that begin with a command, up to its end.
COMMAND='\(tproxy-loader attach [a-z0-9]*\)'

chaos_routing() {
	chaos_case "the routing rule is deleted" rule-missing \
		"ip rule del iif r0 table 15001" "$COMMAND"
	chaos_case "the local route is deleted" route-missing \
		"ip route flush table 15001" "$COMMAND"
	chaos_case "IPv6 has neither" ipv6-half \
		"ip -6 rule del iif r0 table 15001; ip -6 route flush table 15001" "$COMMAND"
	chaos_case "another program adds a rule without a preference" earlier-rule \
		"ip rule add from 10.77.1.0/24 lookup main" "$COMMAND"
	r ip rule del from 10.77.1.0/24 lookup main
	chaos_case "answers leave by another way, and rp_filter is strict" rp-filter \
		"sysctl -qw net.ipv4.conf.r0.rp_filter=1; ip route add $CLIENT4/32 via $SERVER4" \
		'' "ip route del $CLIENT4/32"
	r sysctl -qw net.ipv4.conf.r0.rp_filter=0
}

chaos_filters() {
	chaos_case "INPUT drops what is not for this host" input-filter \
		"nft 'table inet filter { chain input { type filter hook input priority 0; policy drop;
		iif lo accept; ct state established accept; meta l4proto ipv6-icmp accept; }; }'" \
		".*\(nft 'insert [^']*'\)"
	r nft delete table inet filter
	chaos_case "the mark is overwritten" mark-overwritten \
		"nft 'table inet other { chain prerouting {
		type filter hook prerouting priority -150; meta mark set 0; }; }'" \
		"\(nft 'add .*'\)"
	r nft delete table inet other
	r nft delete table inet tproxy_rescue
	chaos_case "a REDIRECT is left over for the same port" rewritten \
		"nft 'table inet old { chain prerouting {
		type nat hook prerouting priority -100; tcp dport 80 redirect to :3129; }; }'" \
		'' "nft delete table inet old"
}

chaos_programs() {
	echo 'SEC("xdp") int look(void *ctx) { return 2; }' | foreign_build look
	chaos_case "another program sees packets before ours" earlier-program \
		"bpftool prog load $WORK/look.o /sys/fs/bpf/look &&
		ip link set r0 xdpgeneric pinned /sys/fs/bpf/look" \
		'\(tproxy-loader attach r0 --after look\)'
	r ip link set r0 xdpgeneric off
	chaos_case "our program is taken off the interface" program-missing \
		"tc filter del dev r0 ingress 2>/dev/null; rm -f $PINS/links/[0-9]*" "$COMMAND"
}

chaos_relay() {
	title "the relay is killed"
	echo "router# kill -KILL \$(pidof tproxy-relay)"
	stop "$RELAY_PID" KILL
	wait_for 10 relay_gone
	chaos_effect
	doctor_brief
	expect "doctor names it" "$(ids)" no-listener
	echo "router# tproxy-relay &"
	relay_start || FAILED=1
	chaos_well

	title "the relay is stopped by a signal"
	echo "router# kill -STOP \$(pidof tproxy-relay)"
	freeze "$RELAY_PID"
	chaos_mend relay-silent '\(kill -CONT [0-9]*\)'
}

chaos_main() {
	title "client ($CLIENT4, $CLIENT6) — router — server ($SERVER4, $SERVER6)"
	if ! { topo_up && serve_nginx && relay_start; } >"$WORK/log/start" 2>&1; then
		cat "$WORK"/log/*
		return 1
	fi
	run router "tproxy-loader attach r0 --ports 80 --to 10.77.2.0/24,fd77:2::/64" || FAILED=1
	chaos_well
	chaos_routing
	chaos_filters
	chaos_programs
	chaos_relay
	echo
}
