#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# With --source client-ip-port the server sees the client's address and port.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx sshd dns echo
ok "the relay starts" relay_start --source client-ip-port
do_ok "attach the client's side" loader attach r0 --port 22,53,80,7007 --udp-port 53,7007 \
	--cidr 10.77.2.0/24,fd77:2::/64
do_ok "attach the servers' side" loader attach r1 --divert-only
ok "flows go through the relay" wait_for 10 recorded $SERVER4
ok "IPv6 flows go through the relay" wait_for 10 recorded $SERVER6
bypass_reset

check() { # CLIENT ADDRESS FIRST-PORT
	local i

	is "nginx at $2 sees the client" "$(whoami_at "$2" | cut -d' ' -f1)" "$1"
	ok "though it was the relay that connected" relay_says "$(record tcp "$1" "$2" 80)"
	# shellcheck disable=SC2016 # the far end expands it
	is "sshd at $2 sees the client" "$(ssh_to "$2" 'echo $SSH_CONNECTION' | cut -d' ' -f1,3)" "$1 $2"
	is "dig over UDP is answered by $2" "$(dig_at "$2" test.tproxy A)" 10.77.2.200
	is "dig over TCP is answered by $2" "$(dig_at "$2" +tcp test.tproxy A)" 10.77.2.200
	ok "dnsmasq sees the client" grep -q "query\[A\] test.tproxy from $1" "$WORK/log/dnsmasq-queries"
	is "the UDP echo server sees the client's port" "$(cpy udp-who "$2" 7007)" "$1 same-port"
	for i in 1 2 3; do
		is "nginx sees the client's port, $i" "$(whoami_from "$2" $(($3 + i)))" "$1 $(($3 + i))"
	done
}

whoami_from() { # ADDRESS PORT
	c curl -gsS -m 8 --local-port "$2" "http://$(bracket "$1")/whoami"
}

check $CLIENT4 $SERVER4 41000
check $CLIENT6 $SERVER6 42000
bypass_none "no packet went past the relay"
finish
