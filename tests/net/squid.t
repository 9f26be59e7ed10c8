#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Squid as the proxy: http_port … tproxy serves a request, with the address of the client.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
sum=$(sum_of "$WORK/www/small")
serve_squid || fatal "squid starts"
snapshot >"$WORK/before"
do_ok "attach the clients' side" loader attach r0 --ports 80 --proxy 3129
do_ok "attach the servers' side" loader attach r1 --divert-only
bypass_reset
for to in $SERVER4 $SERVER6; do
	is "4 KB from $to" "$(c curl -gsS -m 20 "http://$(bracket "$to")/small" | sha256sum | cut -d' ' -f1)" "$sum"
	ok "squid served it" wait_for 10 grep -q "GET http://$(escaped "$(bracket "$to")")/small" "$WORK/squid/access"
done
like "the header names squid" "$(c curl -gsSi -m 20 "http://$SERVER4/whoami")" 'Via:.*router.tproxy'
like "nginx sees the client" "$(whoami_at $SERVER4)" "^$CLIENT4 "
bypass_none "no packet went past the proxy"
do_ok "detach --all" loader detach --all
unchanged "nothing is left" "$WORK/before"
finish
