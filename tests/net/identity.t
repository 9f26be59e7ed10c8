#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Only objects that are shown to be ours are removed. Two states in one namespace, flows of
# another transparent proxy and services on routed prefixes survive clean and detach; real
# leftovers are removed.
. "$(dirname "$0")/../lib/test.sh"

A=/sys/fs/bpf/tpA B=/sys/fs/bpf/tpB
OTHER=(--mark 0x4000000 --table 15002)

# everything of a state but its counters
rules_and_programs() {
	r ip rule
	r ip -6 rule
	r ip route show table "$1"
	r ip -6 route show table "$1"
	r python3 "$LIB/net.py" attached r0
	r tc filter show dev r0 ingress
}

intercepted() { # DESCRIPTION
	bypass_reset
	ok "$1" steering $SERVER4 $SERVER6
	bypass_none "$1: nothing gets past"
}

two_states() { # HOOK
	do_ok "$1: the first state" loader --pin-dir $A attach r0 --ports 80 --hook "$1"
	ok "$1: its relay" relay_start --pin-dir $A
	refuses "$1: its mark is refused to another one" 1 'mark 0x1000000.*/tpA.*--mark' \
		loader --pin-dir $B attach r0 --ports 81 --table 15002
	refuses "$1: its table is" 1 'table 15001.*/tpA.*--table' \
		loader --pin-dir $B attach r0 --ports 81 --mark 0x4000000
	nok "$1: nothing was created" test -e $B
	intercepted "$1: flows go through its relay"
	rules_and_programs 15001 >"$WORK/first"

	do_ok "$1: the second state, on the same interface" \
		loader --pin-dir $B attach r0 --ports 81 "${OTHER[@]}" --hook "$1"
	intercepted "$1: both are there"
	rules_and_programs 15001 >"$WORK/both"
	do_ok "$1: clean of the second" loader --pin-dir $B clean
	is "$1: has nothing to do" "$ERR" ""
	do_ok "$1: clean of the first" loader --pin-dir $A clean
	is "$1: has nothing to do either" "$ERR" ""
	do_ok "$1: clean of a third" loader --pin-dir /sys/fs/bpf/tpC clean
	is "$1: nor has that" "$ERR" ""
	rules_and_programs 15001 >"$WORK/now"
	same_text "$1: all is as before" "$WORK/both" "$WORK/now"
	do_ok "$1: the second leaves" loader --pin-dir $B detach --all
	rules_and_programs 15001 >"$WORK/now"
	same_text "$1: the first is as before" "$WORK/first" "$WORK/now"
	intercepted "$1: and intercepts"
	relay_stop
	do_ok "$1: the first leaves" loader --pin-dir $A detach --all
	unchanged "$1: nothing is left" "$WORK/before"
}

leftovers() {
	mkdir -p /run/elsewhere && mount -t bpf -o mode=700 bpf /run/elsewhere
	do_ok "a state in another bpffs" loader --pin-dir /run/elsewhere/tp attach r0 --ports 80 --hook clsact
	rules_and_programs 15001 >"$WORK/elsewhere"
	do_ok "clean does not see it" loader clean
	rules_and_programs 15001 >"$WORK/now"
	same_text "and leaves what it has" "$WORK/elsewhere" "$WORK/now"

	# without CAP_SYS_ADMIN nobody can know
	try r setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$LOADER" clean
	is "clean without CAP_SYS_ADMIN has remarks" $RC 4
	like "about rules, with the command to remove them" "$ERR" 'rule 150 iif r0: the owner is unknown: .*\(ip -4 rule del '
	like "and filters" "$ERR" 'r0: the owner of the filter tproxy_ingress, .*\(tc filter del dev r0 ingress prio 1 '
	rules_and_programs 15001 >"$WORK/now"
	same_text "nothing is removed" "$WORK/elsewhere" "$WORK/now"

	# its pins go with the file system: nobody has the rest
	umount -l /run/elsewhere
	rm -f /run/tproxy/lock-*-tp # nobody is left to remove it
	ok "the state dies with its pins" wait_for 10 lookup_gone
	do_ok "clean" loader clean
	like "removes the filter" "$ERR" 'clsact: detach tproxy_ingress, priority 1, from r0'
	like "and the rules" "$ERR" 'rule del .* iif r0'
	r tc qdisc del dev r0 clsact # whose that was, nobody knows
	rm /run/tproxy/lock-*-tp     # of a directory that no command will see any more
	unchanged "nothing is left" "$WORK/before"
}
lookup_gone() { [[ $(r python3 "$LIB/net.py" attached-netns "/run/netns/$ROUTER") == - ]]; }

# somebody else's proxy: HAProxy behind nft rules
foreign_proxy() {
	serve_haproxy || fatal "haproxy starts"
	r nft -f - <<-'NFT' || return
		table inet theirs {
			chain prerouting {
				type filter hook prerouting priority mangle
				iifname r0 ip daddr 10.77.3.2 tcp dport 7007 meta mark set mark or 1 tproxy ip to :3129 accept
				iifname r0 ip6 daddr fd77:3::2 tcp dport 7007 meta mark set mark or 1 tproxy ip6 to :3129 accept
			}
		}
	NFT
	r ip rule add pref 500 fwmark 1/1 lookup 500 && r ip route add local default dev lo table 500 &&
		r ip -6 rule add pref 500 fwmark 1/1 lookup 500 &&
		r ip -6 route add local default dev lo table 500
}

HOLD_PIDS=()
hold() { # ADDRESS
	cpy hold "$1" 7007 "$WORK/go" >"$WORK/hold$1" 2>&1 &
	HOLD_PIDS+=($!)
	ok "a flow to $1 is up" wait_for 10 grep -q up "$WORK/hold$1"
}
held() { # ADDRESS…
	local to

	touch "$WORK/go"
	wait "${HOLD_PIDS[@]}"
	HOLD_PIDS=()
	for to in "$@"; do
		is "the flow to $to has survived" "$(tail -1 "$WORK/hold$to")" "done"
	done
	rm "$WORK/go"
}

prepare nginx echo
snapshot >"$WORK/before"
! loader features | grep -Eq 'tcx +yes' || two_states tcx
two_states clsact
leftovers

THEIRS=()
if r nft -c 'table inet probe { chain p { type filter hook prerouting priority mangle
	tcp dport 1 tproxy to :1 accept; }; }' 2>/dev/null && foreign_proxy; then
	THEIRS=("$EXTRA4" "$EXTRA6")
else
	tap_result 0 "flows of another proxy # SKIP the kernel has no nft tproxy"
fi
# a service of the router on a prefix that is routed to it
r ip route add local 10.66.0.0/16 dev lo
r ip -6 route add local fd66::/64 dev lo
serve_run anyip "$ROUTER" python3 "$LIB/net.py" echo 7007
ok "the router's own service" wait_for 10 listening "$ROUTER" tcp 7007
SERVICE=(10.66.1.1 fd66::1)

ok "the relay starts" relay_start
for how in '' clsact; do
	do_ok "attach" loader attach r0 --ports 80,7007 --to 10.77.2.0/24,fd77:2::/64 --hook ${how:-auto}
	ok "flows go through the relay" steering $SERVER4 $SERVER6
	for to in $SERVER4 $SERVER6 "${THEIRS[@]}" "${SERVICE[@]}"; do
		hold "$to"
	done
	do_ok "detach" loader detach r0
	like "ours were reset, and only these" "$ERR" 'r0: reset 2 relayed flows'
	held "${THEIRS[@]}" "${SERVICE[@]}"
	for to in $SERVER4 $SERVER6; do
		unlike "the flow to $to has not" "$(tail -1 "$WORK/hold$to")" "done"
	done
done

do_ok "attach" loader attach r0 --ports 80,7007 --to 10.77.2.0/24,fd77:2::/64
for to in "${THEIRS[@]}" "${SERVICE[@]}"; do
	hold "$to"
done
do_ok "detach --keep-flows --wait does not wait for theirs" \
	timeout 30 "$LOADER" -n "$ROUTER" detach r0 --keep-flows --wait
held "${THEIRS[@]}" "${SERVICE[@]}"

# the client's address towards the servers: these sockets are foreign on the other side
relay_stop
ok "the relay starts with the client's address" relay_start --source client-ip
do_ok "attach" loader attach r0 --ports 80,7007 --to 10.77.2.0/24,fd77:2::/64
do_ok "attach the servers' side" loader attach r1 --divert-only
for to in $SERVER4 $SERVER6 "${THEIRS[@]}" "${SERVICE[@]}"; do
	hold "$to"
done
do_ok "detach the servers' side" loader detach r1
like "its sockets are ours" "$ERR" 'r1: reset 2 relayed flows'
do_ok "detach" loader detach --all
held "${THEIRS[@]}" "${SERVICE[@]}"
finish
