#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A second attach succeeds and changes nothing; with other options it may extend the rule.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
snapshot >"$WORK/before"
ok "the relay starts" relay_start
options=(--ports 80 --to "10.77.2.0/24,fd77:2::/64")
do_ok "attach" loader attach r0 "${options[@]}"
ok "flows go through the relay" steering $SERVER4 $SERVER6
snapshot >"$WORK/once"
loader rule list --json >"$WORK/rules"
cpy get $SERVER4 80 /load "$WORK/progress" >"$WORK/sum" 2>&1 &
transfer=$!
ok "a relayed transfer runs" wait_for 10 test -s "$WORK/progress"

for i in 1 2 3; do
	do_ok "attach again, $i" loader attach r0 "${options[@]}"
	snapshot >"$WORK/twice"
	same_text "it changes nothing, $i" "$WORK/once" "$WORK/twice"
done
do_ok "attach without options" loader attach r0
snapshot >"$WORK/twice"
same_text "that changes nothing either" "$WORK/once" "$WORK/twice"

do_ok "attach with one port more" loader attach r0 --ports 8080
like "extends the rule" "$(whoami_at $SERVER4 8080)" "^$ROUTER4 "
ok "and keeps the first port" via_relay $SERVER4

wait $transfer
is "the transfer was not disturbed" "$(cut -d' ' -f1 "$WORK/sum")" "$(sum_of "$WORK/www/load")"
do_ok "detach --all" loader detach --all
unchanged "one detach --all undoes them all" "$WORK/before"
finish
