#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# With --source client-ip the server sees the client's address.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx sshd dns echo
ok "the relay starts" relay_start --source client-ip
do_ok "attach the client's side" loader attach r0 --port 22,53,80,7007 --udp-port 53,7007 \
	--cidr 10.77.2.0/24,fd77:2::/64
do_ok "attach the servers' side" loader attach r1 --divert-only
ok "flows go through the relay" wait_for 10 recorded $SERVER4
ok "IPv6 flows go through the relay" wait_for 10 recorded $SERVER6
bypass_reset

check() { # CLIENT ADDRESS
	is "nginx at $2 sees the client" "$(whoami_at "$2" | cut -d' ' -f1)" "$1"
	ok "though it was the relay that connected" relay_says "$(record tcp "$1" "$2" 80)"
	# shellcheck disable=SC2016 # the far end expands it
	is "sshd at $2 sees the client" "$(ssh_to "$2" 'echo $SSH_CONNECTION' | cut -d' ' -f1,3)" "$1 $2"
	is "dig over UDP is answered by $2" "$(dig_at "$2" test.tproxy A)" 10.77.2.200
	is "dig over TCP is answered by $2" "$(dig_at "$2" +tcp test.tproxy A)" 10.77.2.200
	ok "dnsmasq sees the client" grep -q "query\[A\] test.tproxy from $1" "$WORK/log/dnsmasq-queries"
	like "the UDP echo server sees the client" "$(cpy udp-who "$2" 7007)" "^$1 "
	is "20 MB come whole" "$(c curl -gsS -m 30 "http://$(bracket "$2")/load20" | sha256sum)" "$sum"
}

head -c 20M /dev/urandom >"$WORK/www/load20"
sum=$(sha256sum <"$WORK/www/load20")

check $CLIENT4 $SERVER4
check $CLIENT6 $SERVER6
bypass_none "no packet went past the relay"
finish
