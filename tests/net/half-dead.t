#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Most flow starts arrive, and clients still get nothing: later packets lose their mark, the relay
# is stopped, a DNAT rule remains, or one family or interface of several is cut off while the
# others are busy. `status` never says ok.
. "$(dirname "$0")/../lib/test.sh"

attach() { loader -q attach "$@" --ports 80,udp/53; }
again() {
	try loader -q detach --all
	do_ok "$1: attach" attach r0
}
# tries ADDRESS N [OPTION…] — new TCP flows of the client at once, which need not fare well
tries() {
	local i pids=() to=$1 n=$2
	shift 2

	for ((i = 0; i < n; i++)); do
		c curl -gs -m 2.5 "$@" "http://$(bracket "$to"):80/whoami" >/dev/null &
		pids+=($!)
	done
	wait "${pids[@]}"
	true
}
says() {
	try loader -j status
	echo "$RC $(json_value "' '.join(sorted(set(p['id'] for p in o['problems']))) or '-'" <<<"$OUT")"
}
mark_is_lost() { # NFT-MATCH
	r nft -f - <<-NFT
		table inet late {
			chain pre {
				type filter hook prerouting priority -150
				$1
			}
		}
	NFT
}
relay_all() { pgrep -P "$RELAY_PID"; echo "$RELAY_PID"; }
signal_relay() { # NAME
	local pid

	for pid in $(relay_all); do
		kill "-$1" "$pid"
	done
}
input_drops() { # FAMILY MATCH
	r nft "add table $1 cut; add chain $1 cut in { type filter hook input priority 0; }; add rule $1 cut in $2 drop"
}

prepare nginx dns
ok "the relay starts" relay_start

again "nothing"
for to in $SERVER4 $SERVER6; do
	ok "nothing: flows to $to are relayed" wait_for 10 via_relay "$to"
done
is "nothing is wrong" "$(says)" "0 -"

for match in "ct state established meta mark set ct mark" "tcp flags & syn == 0 meta mark set 1"; do
	for to in $SERVER4 $SERVER6; do
		again "$match, $to"
		mark_is_lost "$match"
		tries "$to" 5
		like "$match, $to: half-open" "$(says)" '^4 half-open$'
		r nft delete table inet late
	done
done

again "the relay is stopped"
signal_relay STOP
tries $SERVER4 5
like "the relay is stopped: it takes nothing" "$(says)" '^4 not-accepted$'
like "the relay is stopped: in words" "$(loader status)" 'tproxy-relay \(pid [0-9]+\) on port [0-9]+ does not take'
signal_relay CONT
ok "it runs again" wait_for 10 via_relay $SERVER4

for family in ip:$SERVER4 ip6:$SERVER6; do
	again "a DNAT rule of before, ${family%%:*}"
	r nft "add table ${family%%:*} old; add chain ${family%%:*} old pre { type nat hook prerouting priority -100; }; add rule ${family%%:*} old pre iifname r0 tcp dport 80 redirect to :8080"
	tries "${family#*:}" 2
	try loader -j status --probe
	like "a DNAT rule of before, ${family%%:*}: status --probe" \
		"$RC $(json_value "' '.join(p['id'] for p in o['problems'])" <<<"$OUT")" '^5 (.* )?rewritten( |$)'
	r nft delete table "${family%%:*}" old
done

again "IPv6 is cut off, IPv4 is busy"
input_drops ip6 "meta l4proto tcp"
tries $SERVER6 3
tries $SERVER4 20
is "IPv6 is cut off, IPv4 is busy" "$(says)" "5 input-filter"
r nft delete table ip6 cut

again "an interface is cut off, another is busy"
ip -n "$ROUTER" link add r2 type veth peer name c2 netns "$CLIENT"
topo_address "$ROUTER" r2 10.78.1.1/24 fd78:1::1/64
topo_address "$CLIENT" c2 10.78.1.2/24 fd78:1::2/64
c ip route add default via 10.78.1.1 dev c2 table 78
c ip rule add from 10.78.1.2 lookup 78
do_ok "a second interface" attach r2
input_drops ip "iifname r2 meta l4proto tcp"
tries $SERVER4 3 --interface 10.78.1.2
tries $SERVER4 20
is "an interface is cut off, another is busy" "$(says)" "5 input-filter"
like "it is the one that is named" "$(loader status)" '  x r2: '
finish
