#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Own traffic: datagrams that go to the server after all, and that its path takes only in fragments. lo
# would take them whole. The sender learns the path MTU by the first one, as without a proxy.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

prepare
own_up --ports $PORT,udp/$PORT --to 10.77.2.0/24,fd77:2::/64

# neighbours are known; else the kernel does not ask for the MTU of the first datagram
sock udp4 "ask=$SERVER4:$OTHER" >/dev/null
sock udp6 "ask=[$SERVER6]:$OTHER" >/dev/null

# --- a policy that leaves sockets to themselves ---
for family in 4 6; do
	dst=$(at $SERVER4 $PORT)
	[[ $family == 4 ]] || dst=$(at $SERVER6 $PORT)
	app "${PY[@]}" udp$family "connect=$dst" say "wait=$WORK/changed" say=9000 say=9000 say=30000 \
		>"$WORK/out$family" 2>&1 &
	SERVE_PIDS+=($!)
	disown $!
	ok "UDP $family: through the proxy" wait_for 10 grep -q ^proxy "$WORK/out$family"
done
do_ok "another policy" own_rule "ports = $PORT udp/$PORT" "action = pass"
touch "$WORK/changed"
for family in 4 6; do
	ok "UDP $family: the last datagram arrives" wait_for 10 grep -q ' 30000$' "$WORK/out$family"
	self=$ROUTER4
	[[ $family == 4 ]] || self=$ROUTER6
	is "UDP $family: the first one is too long, and the others are not" \
		"$(tail -n +2 "$WORK/out$family" | paste -sd' ')" \
		"EMSGSIZE $(around $self 9000) $(around $self 30000)"
done

# --- marked sockets that send elsewhere; a socket that is not connected is not told ---
for size in 1472 9000 60000; do
	is "IPv4: a marked socket sends $size bytes elsewhere" \
		"$(sock udp4 mark=$OWN_MARK "ask=$EXTRA4:$OTHER,9000" "ask=$EXTRA4:$OTHER,$size" | grep -o '[^ ]* [^ ]* [^ ]*$')" \
		"$(around $ROUTER4 $size)"
	is "IPv6: a marked socket sends $size bytes elsewhere" \
		"$(sock udp6 mark=$OWN_MARK "ask=[$EXTRA6]:$OTHER,9000" "ask=[$EXTRA6]:$OTHER,$size" | grep -o '[^ ]* [^ ]* [^ ]*$')" \
		"$(around $ROUTER6 $size)"
done
own_down
finish
