#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# An ordinary user who does not want to go through the proxy, and tries what a program may do.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

prepare
OWN_BIND=loopback
own_up --ports "$PORT,udp/$PORT" --to all

USER_ID=1234
user() { # FAMILY STEP…
	app setpriv --reuid $USER_ID --regid $USER_ID --clear-groups "${PY[@]}" "$@" 2>&1 | paste -sd' '
}
there4=$(at $SERVER4 $PORT) there6=$(at $SERVER6 $PORT)
proxied4=$(through $SERVER4 $PORT) proxied6=$(through $SERVER6 $PORT)

own_reset
# --- an answer of the proxy that looks like a first datagram of the server ---
is "the answer is read after a disconnect" \
	"$(user udp4 bind=0.0.0.0:6100 "connect=$there4" send unconnect recv "ask=$there4")" \
	"$proxied4 $proxied4"
is "the same with IPv6" \
	"$(user udp6 "bind=[::]:6100" "connect=$there6" send unconnect recv "ask=$there6")" \
	"$proxied6 $proxied6"
is "the user sends it himself, from the server's address" \
	"$(user udp6 "bind=[::]:6101" "spoof=$there6,[::1]:6101" recv "ask=$there6")" "xx $proxied6"
none_direct "no datagram is direct"
# --- the first router answers a traceroute; a server on the same network is none ---
is "a short time to live" "$(user udp4 ttl=1 "ask=$there4")" "$proxied4"
is "a short time to live, IPv6" "$(user udp6 ttl=1 "ask=$there6")" "$proxied6"
is "a short time to live, connected" "$(user udp4 ttl=1 "connect=$there4" say)" "$proxied4"
none_direct "no datagram is direct"
is "traceroute, by a router" "$(user udp4 ttl=1 "ask=$(at $EXTRA4 $PORT)")" "$(around)"
is "traceroute, by a router, IPv6" "$(user udp6 ttl=1 "ask=$(at $EXTRA6 $PORT)")" "$(around $ROUTER6)"
# --- a user who takes all the tokens he can get ---
unlike "a flood of datagrams is refused in the end" "$(user udp4 "many=120000,198.18.0.1:$PORT")" "^0$"
is "others still reach new destinations" "$(sock udp4 "ask=$there4" "ask=10.77.2.99:$PORT")" \
	"$proxied4 $(through 10.77.2.99 $PORT)"
is "others still reach new destinations, IPv6" "$(sock udp6 "ask=$there6" "ask=[fd77:2::99]:$PORT")" \
	"$proxied6 $(through fd77:2::99 $PORT)"
# --- source routes; newer kernels refuse those of IPv4 to users ---
own_reset
extra4=$(at $EXTRA4 $PORT) extra6=$(at $EXTRA6 $PORT)
is "a source route" "$(sock udp4 hop=$SERVER4 "ask=$extra4")" EPERM
is "a source route, connected" "$(sock udp4 hop=$SERVER4 "connect=$extra4" say)" nothing
is "a source route, TCP" "$(sock tcp4 hop=$SERVER4 "connect=$extra4" say)" "timed out timed out"
is "a routing header" "$(user udp6 hop=$SERVER6 "ask=$extra6")" EPERM
is "a routing header, connected" "$(user udp6 hop=$SERVER6 "connect=$extra6" say)" nothing
is "a routing header, TCP" "$(user tcp6 hop=$SERVER6 "connect=$extra6" say)" "timed out timed out"
none_direct "no packet is direct"
like "tokens of others are not sent" "$(counter own_wire)" "^[1-9]"
# --- a listener on the proxy's port does not make a program a proxy ---
chmod 711 "$WORK"
listens() { # TEXT ADDRESS WANTED
	rm -f "$WORK/go"
	user udp4 "listen=$2:$PROXY_PORT" "wait=$WORK/go" "ask=$there4" >"$WORK/listener" &
	ok "$1: listens" wait_for 10 eval 'r ss -Hltn "src '"$2:$PROXY_PORT"'" | grep -q .'
	own proxies >/dev/null
	touch "$WORK/go"
	wait $!
	is "$1" "$(<"$WORK/listener")" "$3"
}
listens "a user on another address" 127.0.0.2 "$proxied4"
own_proxy_stop
listens "a user in place of the proxy" 127.0.0.1 ECONNREFUSED
listens "a user on every address" 0.0.0.0 ECONNREFUSED
own_down
finish
