#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A program of the router that listens on a foreign address and port gets the flows to exactly
# that destination without a rule. One that listens on the wildcard attracts none.
. "$(dirname "$0")/../lib/test.sh"

asked() { corner ask "$1" "$2" tcp,udp; }

tell_start() { # PORT WORD [ADDRESS]
	serve_run "tell-$2" "$ROUTER" python3 "$LIB/corner.py" tell "$@"
	wait_for 10 telling "$1" "${3-}" || fatal "the listener $2 starts"
}

telling() { r ss -Hnlu "sport = :$1" | grep -q -- "$2"; }

# the proxy of an FTP-like protocol announces a second connection and waits for it
foreign_gets_it() { # NAME ADDRESS
	local before

	before=$(counter foreign_listener)
	is "$1: TCP and UDP to $2 port 7007 reach the router's program" "$(asked "$2" 7007)" \
		"foreign $2 7007"
	like "$1: the counter foreign_listener increases" "$(($(counter foreign_listener) - before >= 2))" 1
}

server_gets_it() { # NAME ADDRESS PORT
	is "$1: TCP and UDP to $2 port $3 reach the server" "$(asked "$2" "$3")" "server $2 $3"
}

prepare nginx
serve_run tell-server "$SERVER" python3 "$LIB/corner.py" tell 7007 server
serve_run tell-server2 "$SERVER" python3 "$LIB/corner.py" tell 7008 server
wait_for 10 listening "$SERVER" tcp 7008 || fatal "the server's listeners start"
tell_start 7008 wildcard
tell_start 7007 foreign $SERVER4
# the same port on the other family's address
tell_start 7007 foreign $SERVER6
snapshot >"$WORK/before"
for to in $SERVER4 $SERVER6; do
	server_gets_it "not attached" "$to" 7007
	server_gets_it "not attached" "$to" 7008
done

round() { # NAME
	local to

	bypass_reset
	for to in $SERVER4 $SERVER6; do
		foreign_gets_it "$1" "$to"
	done
	bypass_none "$1: no packet of these was forwarded"
	for to in $SERVER4 $SERVER6; do
		server_gets_it "$1: the wildcard listener" "$to" 7008
	done
	for to in $EXTRA4 $EXTRA6; do
		server_gets_it "$1: another address" "$to" 7007
	done
}

do_ok "attach --divert-only" loader attach r0 --divert-only
round "divert only"
do_ok "attach without a rule" loader attach r0
round "no rule"
r sysctl -qw net.ipv4.tcp_syncookies=2
round "no rule, SYN cookies"
r sysctl -qw net.ipv4.tcp_syncookies=1
ok "the relay starts" relay_start
do_ok "attach with a rule for another port" loader attach r0 --ports 80
ok "its flows go through the relay" steering $SERVER4 $SERVER6
round "rule for another port"
relay_stop
do_ok "detach" loader detach --all
unchanged "nothing is left" "$WORK/before"
finish
