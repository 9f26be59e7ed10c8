# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# A relay that connects with the addresses of its clients, and what servers see. Needs test.sh.

# source_prepare MODE — starts network, servers and relay, and attaches
source_prepare() {
	prepare nginx sshd dns echo
	ok "the relay starts" relay_start --source "$1"
	do_ok "attach the client's side" loader attach r0 --ports 22,53,80,7007,udp/53,udp/7007 \
		--to 10.77.2.0/24,fd77:2::/64
	do_ok "attach the servers' side" loader attach r1 --divert-only
	ok "flows go through the relay" wait_for 10 recorded "$SERVER4"
	ok "IPv6 flows go through the relay" wait_for 10 recorded "$SERVER6"
	bypass_reset
}

# source_seen CLIENT ADDRESS — the servers there see the client's address
source_seen() {
	is "nginx at $2 sees the client" "$(whoami_at "$2" | cut -d' ' -f1)" "$1"
	ok "and it was the relay that connected" relay_says "$(record tcp "$1" "$2" 80)"
	# shellcheck disable=SC2016 # the far end expands it
	is "sshd at $2 sees the client" "$(ssh_to "$2" 'echo $SSH_CONNECTION' | cut -d' ' -f1,3)" "$1 $2"
	is "dig over UDP is answered by $2" "$(dig_at "$2" test.tproxy A)" 10.77.2.200
	is "dig over TCP is answered by $2" "$(dig_at "$2" +tcp test.tproxy A)" 10.77.2.200
	ok "dnsmasq sees the client" grep -q "query\[A\] test.tproxy from $1" "$WORK/log/dnsmasq-queries"
}
