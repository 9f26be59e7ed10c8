#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Faults that only flows show: no way back to a client, answers that get lost, handshakes that never
# end. doctor names each by its id and no other, and its cure mends it.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/schema.sh
. "$LIB/schema.sh"
# shellcheck source=../lib/doctor.sh
. "$LIB/doctor.sh"

relayed() { steering "$SERVER4" "$SERVER6"; }
# many — so many flows that those which failed in the last minute are a few
many() {
	for _ in {1..20}; do
		via_relay "$SERVER4" || return
	done
}
# tries [ARG…] — flows that need not fare well
tries() {
	for _ in 1 2 3; do
		c timeout 0.5 curl -gs "$@" "http://$SERVER4/whoami"
	done >/dev/null
	return 0
}

prepare nginx dns
r sysctl -qw net.ipv4.tcp_synack_retries=2 # half-open connections end soon
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,udp/53
ok "flows go through the relay" relayed
healthy "at first"

# ---- the way back ----

far_client() { c ip address add 10.88.0.2/32 dev c0 && tries --interface 10.88.0.2; }
fault no-return-route far_client
like "it names the interface" "$(doctor_next no-return-route)" "^ip -4 route add PREFIX dev r0, "
route_back() { r ip -4 route add 10.88.0.0/24 dev r0 && many; }
cure route_back
r ip route del 10.88.0.0/24
c ip address del 10.88.0.2/32 dev c0

deaf_client() {
	c ip address add 10.77.1.88/24 dev c0 && c sysctl -qw net.ipv4.conf.c0.arp_ignore=8 &&
		r ip neigh flush dev r0 && c curl -s -m 3 --interface 10.77.1.88 "http://$SERVER4/"
	tries --interface 10.77.1.88
}
fault no-neighbour deaf_client
do_ok "it says how to look" r sh -c "$(doctor_next no-neighbour)"
like "and there it is" "$OUT" '(FAILED|INCOMPLETE)'
hears() { c sysctl -qw net.ipv4.conf.c0.arp_ignore=0 && r ip neigh flush dev r0 && relayed && many; }
cure hears
c ip address del 10.77.1.88/24 dev c0

# ---- handshakes ----

answers_lost() {
	c nft 'add table inet lost; add chain inet lost in { type filter hook input priority 0; };
		add rule inet lost in tcp flags & (syn | ack) == syn | ack drop'
	tries
}
fault not-delivered answers_lost
answers_back() { c nft delete table inet lost && many; }
cure answers_back

# A mark for the answers, which each later packet gets; the first one has none.
saved_mark() {
	r nft 'add table inet wan; add chain inet wan out { type route hook output priority -150; };
		add rule inet wan out oifname r0 ct mark set 0x2;
		add chain inet wan pre { type filter hook prerouting priority -150; };
		add rule inet wan pre ct mark != 0 meta mark set ct mark'
	try_on &
	trying=$!
}
# try_on — more flows than were without an answer in the minute before, until the file is gone; a
# connection stays half open for some seconds only
try_on() {
	touch "$WORK/trying"
	while [[ -e $WORK/trying ]]; do
		for _ in {1..12}; do
			c timeout 3 curl -gs "http://$SERVER4/whoami" &
			c timeout 3 curl -gs "http://[$SERVER6]/whoami" &
		done
		wait
	done
}
fault half-open saved_mark
masked() {
	rm "$WORK/trying"
	wait "$trying"
	r nft delete table inet wan && many
}
cure masked

finish
