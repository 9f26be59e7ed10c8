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
	"$(user udp6 bind=[::]:6100 "connect=$there6" send unconnect recv "ask=$there6")" \
	"$proxied6 $proxied6"
is "the user sends it himself, from the server's address" \
	"$(user udp6 bind=[::]:6101 "spoof=$there6,[::1]:6101" recv "ask=$there6")" "xx $proxied6"
none_direct "no datagram is direct"
own_down
finish
