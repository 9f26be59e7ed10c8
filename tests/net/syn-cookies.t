#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Handshakes that complete with a SYN cookie are relayed: when cookies are always used, and while
# a flood fills the backlog.
. "$(dirname "$0")/../lib/test.sh"

flood_start() { # SOURCES ADDRESS
	nsenter --net="/run/netns/$CLIENT" -- python3 "$LIB/corner.py" flood "$1" "$2" 7007 20000 \
		>"$WORK/flood" 2>"$WORK/log/flood" </dev/null &
	FLOOD_PID=$!
	wait_for 10 grep -q 500 "$WORK/flood"
}

cookies() { # NAME ADDRESS COUNT
	local before

	before=$(counter syn_cookie)
	is "$1: $3 conversations with $2" "$(corner talk "$2" 7007 "$3" 2>>"$WORK/log/talk")" "$3"
	like "$1: some of them by SYN cookie" "$(($(counter syn_cookie) > before))" 1
	bypass_none "$1: no packet went past the relay"
}

prepare nginx echo
r sysctl -qw net.core.somaxconn=16 net.ipv4.tcp_max_syn_backlog=16
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,7007 --to 10.77.2.0/24,fd77:2::/64
ok "new flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset
is "no cookie without need" "$(counter syn_cookie)" 0

r sysctl -qw net.ipv4.tcp_syncookies=2
cookies always $SERVER4 20
cookies always $SERVER6 20
r sysctl -qw net.ipv4.tcp_syncookies=1
ok "a flood over IPv4 begins" flood_start 10.77.1.0/24 $SERVER4
cookies flood $SERVER4 10
stop "$FLOOD_PID"
ok "a flood over IPv6 begins" flood_start fd77:1::/64 $SERVER6
cookies flood $SERVER6 10
stop "$FLOOD_PID"
is "afterwards all is as before" "$(corner talk $SERVER4 7007 5) $(corner talk $SERVER6 7007 5)" "5 5"

serve_run tell "$ROUTER" python3 "$LIB/corner.py" tell 3129 proxy
wait_for 10 listening "$ROUTER" tcp 3129
r sysctl -qw net.ipv4.tcp_syncookies=2
do_ok "a rule for another proxy" loader rule add other --ports 22 --proxy 3129
for to in $SERVER4 $SERVER6; do
	before=$(counter syn_cookie)
	is "$to: the other proxy takes it" "$(corner ask "$to" 22 tcp)" "proxy $to 22"
	like "$to: by SYN cookie" "$(($(counter syn_cookie) > before))" 1
done
bypass_none "no packet went past the proxies"
finish
