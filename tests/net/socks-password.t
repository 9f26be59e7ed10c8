#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A SOCKS5 server that asks for user and password (dante): TCP and UDP of both families go through
# it. When it refuses the password, the records of both say so.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/udp.sh"

# Dante knows the users of the system. Its mount namespace shows it one more.
users_with_alice() {
	local file

	for file in passwd shadow; do
		cp -p /etc/$file "$WORK/$file" || return
	done
	echo 'alice:x:64999:65534::/nonexistent:/usr/sbin/nologin' >>"$WORK/passwd"
	perl -e 'print "alice:", crypt("p\@:ss", q($6$salt$)), ":1:0:99999:7:::\n"' >>"$WORK/shadow"
}

serve_dante() {
	users_with_alice || return
	cat >"$WORK/dante.conf" <<-CONF
		logoutput: stderr
		internal: 0.0.0.0 port = 1080
		internal: :: port = 1080
		external: s0
		socksmethod: username
		clientmethod: none
		user.privileged: root
		user.unprivileged: nobody
		client pass { from: 0/0 to: 0/0 }
		socks pass {
			from: 0/0 to: 0/0
			command: connect udpassociate udpreply
			log: connect
		}
	CONF
	serve_run dante "$SERVER" unshare --mount sh -c "mount --bind $WORK/passwd /etc/passwd &&
		mount --bind $WORK/shadow /etc/shadow &&
		exec $(command -v danted || echo /usr/sbin/danted) -f $WORK/dante.conf"
	wait_for 10 listening "$SERVER" tcp 1080
}

through() { # NAME ADDRESS-OF-THE-SERVER
	local to name=$1

	ok "$name: the relay starts" relay_start --upstream "socks5://alice:p%40:ss@$2:1080"
	for to in $SERVER4 $SERVER6; do
		like "$name: TCP to $to" "$(whoami_at "$to")" "^$to "
		lossless "$name: UDP to $to" 1000 "$(flow "$to" 7007 count=1000 size=500 window=8)"
	done
	relay_stop
	like "$name: no datagram was lost" "$(relay_ended .)" " 0 datagrams lost"
}

refused() { # NAME USER-PASS-AT
	ok "$1: the relay starts" relay_start --upstream "socks5://$2$SERVER4:1080"
	is "$1: TCP is reset" "$(cpy probe $SERVER4 80 10)" "connected reset"
	is "$1: UDP gets no answer" "$(cpy udp $SERVER4 7007 100)" 0
	ok "$1: the record of TCP says why" relay_says "$(record tcp $CLIENT4 $SERVER4 80 '.*end=connect-failed reason=proxy-answer errno=EACCES$')"
	ok "$1: the record of UDP says why" relay_says "$(record udp $CLIENT4 $SERVER4 7007 '.*end=connect-failed errno=EACCES$')"
	relay_stop
}

prepare nginx
serve_peer echo 7007
serve_dante || fatal "the SOCKS server starts"
do_ok "attach" loader attach r0 --port 80 --udp-port 7007 --cidr 10.77.2.0/24,fd77:2::/64
bypass_reset
through "the server at $SERVER4" $SERVER4
through "the server at $SERVER6" "[$SERVER6]"
is "alice was served, TCP and UDP" \
	"$(grep -Eo 'pass\([0-9]+\): (tcp/connect|udp/udpassociate) \[: username%alice' "$WORK/log/dante" | cut -d' ' -f2 | sort | uniq -c | xargs)" \
	"4 tcp/connect 4 udp/udpassociate"
refused "a wrong password" alice:wrong@
refused "no password" ''
bypass_none "nothing went past the relay"
finish
