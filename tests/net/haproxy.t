#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# HAProxy as the proxy serves flows to any destination, with its own address and with that of the
# client.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
serve_big
sum=$(sum_of "$WORK/www/big")
serve_haproxy || fatal "haproxy starts"
snapshot >"$WORK/before"
do_ok "attach" loader attach r0 --ports 80 --proxy 3129 --to 10.77.2.0/23,fd77:2::/31
for to in $SERVER4 $SERVER6 $EXTRA4 $EXTRA6; do
	ok "haproxy relays to $to" steering "$to"
done
bypass_reset
for to in $SERVER4 $SERVER6; do
	is "100 MB from $to" "$(c curl -gsS -m 60 "http://$(bracket "$to")/big" | sha256sum | cut -d' ' -f1)" "$sum"
done
bypass_none "no packet went past the proxy"
like "port 8080 is not its business" "$(whoami_at $SERVER4 8080)" "^$CLIENT4 "

stop "${SERVE_PIDS[-1]}" KILL
bypass_reset
is "a dead proxy means drop" "$(cpy probe $SERVER4 80 2)" timeout
bypass_none "nothing went past the dead proxy"

serve_haproxy "source 0.0.0.0 usesrc clientip" || fatal "haproxy starts again"
do_ok "attach the servers' side" loader attach r1 --divert-only
is "nginx sees the client" "$(whoami_at $SERVER4 | cut -d' ' -f1)" $CLIENT4
bypass_none "though the flow went through the proxy"
do_ok "detach --all" loader detach --all
stop "${SERVE_PIDS[-1]}"
unchanged "nothing is left" "$WORK/before"
finish
