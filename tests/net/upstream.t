#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Flows through other proxies: microsocks (SOCKS5), tinyproxy and squid (HTTP CONNECT). Their
# refusals reach the client as RST, and the log says what they mean. Nothing bypasses them.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx sshd
serve_big
sum=$(sum_of "$WORK/www/big")
cat >"$WORK/tinyproxy.conf" <<-CONF
	Port 8888
	Listen 0.0.0.0
	Timeout 60
	MaxClients 50
	BasicAuth user secret
	LogFile "$WORK/log/tinyproxy"
CONF
serve_run microsocks "$SERVER" microsocks -i 0.0.0.0 -p 1080 -u user -P 'p@:ss'
serve_run microsocks "$SERVER" microsocks -i "$SERVER6" -p 1081
serve_run tinyproxy "$SERVER" tinyproxy -d -c "$WORK/tinyproxy.conf"
serve_run mute "$SERVER" python3 "$LIB/net.py" late 1082
serve_squid || fatal "squid starts"
for port in 1080 1081 1082 8888; do
	wait_for 10 listening "$SERVER" tcp $port || fatal "the proxy at port $port starts"
done

# The servers see the proxy: itself when it is on their own host, or the router.
through() { # NAME UPSTREAM SEEN4 SEEN6 [BIG]
	local to name=$1

	ok "$name: the relay starts" relay_start --connect-timeout 3 --upstream "$2"
	for to in $SERVER4 $SERVER6; do
		ok "$name: flows to $to" wait_for 15 answered "$to"
	done
	like "$name: the server sees the proxy" "$(whoami_at $SERVER4)" "^$3 "
	like "$name: the server sees the proxy over IPv6" "$(whoami_at $SERVER6)" "^$4 "
	is "$name: a server that speaks first is heard" "$(ssh_to $SERVER4 echo hello)" hello
	is "$name: 100 MB" "$(c curl -gsS -m 60 "http://[$SERVER6]/big" | sha256sum | cut -d' ' -f1)" "$sum"
	refusal "$name: a closed port" $SERVER4 81 "connect-failed reason=proxy-answer errno=$5"
	relay_stop
}
answered() { [[ -n $(whoami_at "$1") ]]; }
refusal() { # DESCRIPTION ADDRESS PORT END
	is "$1: reset" "$(cpy probe "$2" "$3" 10)" "connected reset"
	ok "$1: the log says why" relay_says "$(record tcp $CLIENT4 "$2" "$3" ".*end=$4\$")"
}
failing() { # NAME UPSTREAM END
	ok "$1: the relay starts" relay_start --connect-timeout 2 --upstream "$2"
	refusal "$1" $SERVER4 80 "$3"
	relay_stop
}

do_ok "attach" loader attach r0 --ports 22,80,81,udp/7007 --to 10.77.2.0/24,fd77:2::/64
bypass_reset
through "SOCKS5 with a password" "socks5://user:p%40:ss@$SERVER4:1080" $SERVER4 $SERVER6 ECONNREFUSED
through "SOCKS5 over IPv6" "socks5://[$SERVER6]:1081" $SERVER4 $SERVER6 ECONNREFUSED
through "HTTP with a password" "http://user:secret@$SERVER4:8888" $SERVER4 $SERVER6 '[A-Z]+'
through "HTTP, squid" "http://$ROUTER4:3128" $ROUTER4 $ROUTER6 '[A-Z]+'

failing "SOCKS5, wrong password" "socks5://user:wrong@$SERVER4:1080" "connect-failed reason=proxy-answer errno=EACCES"
failing "SOCKS5, password missing" "socks5://$SERVER4:1080" "connect-failed reason=proxy-answer errno=EACCES"
failing "HTTP, wrong password" "http://user:wrong@$SERVER4:8888" "connect-failed reason=proxy-answer errno=EACCES"
failing "no SOCKS5 proxy but nginx" "socks5://$SERVER4:8080" "connect-failed reason=proxy-answer errno=E(PROTO|CONNRESET)"
failing "no HTTP proxy but sshd" "http://$SERVER4:22" "connect-failed reason=proxy-answer errno=E(PROTO|CONNRESET)"
failing "no proxy there" "socks5://$SERVER4:9" "connect-failed reason=proxy-connect errno=ECONNREFUSED"
failing "a mute proxy" "socks5://$SERVER4:1082" "connect-timeout reason=proxy-answer errno=ETIMEDOUT"

ok "the relay starts" relay_start --upstream "http://$ROUTER4:3128"
is "datagrams are not sent past the proxy" "$(cpy udp $SERVER4 7007 10)" 0
ok "the log reports it" relay_says "$(record udp $CLIENT4 $SERVER4 7007 '.*end=refused reason=no-udp-upstream$')"
relay_stop
bypass_none "nothing went past the relay"
like "the client's address and a proxy exclude each other" \
	"$("$RELAY" --source client-ip --upstream "socks5://$SERVER4:1080" 2>&1)" '^tproxy-relay: source = client-ip: not with'
finish
