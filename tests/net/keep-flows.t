#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# With detach --keep-flows relayed flows continue while new ones go straight.
. "$(dirname "$0")/../lib/test.sh"

[[ $(loader detach --help) == *--keep-flows* ]] || skip_inside "this loader has no detach --keep-flows"
prepare nginx echo
snapshot >"$WORK/before"
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,7007
ok "flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset
pids=()
for to in $SERVER4 $SERVER6; do
	cpy hold "$to" 7007 "$WORK/go" >"$WORK/hold$to" 2>&1 &
	pids+=($!)
	ok "a flow to $to is up" wait_for 10 grep -q up "$WORK/hold$to"
done

do_ok "detach r0 --keep-flows" loader detach r0 --keep-flows
like "status shows it" "$(loader status)" 'r0: [a-z]+, draining, routing'
ok "new flows go straight" direct $SERVER4
ok "new IPv6 flows go straight" direct $SERVER6
bypass_reset
touch "$WORK/go"
wait "${pids[@]}"
for to in $SERVER4 $SERVER6; do
	is "the flow to $to went on" "$(tail -1 "$WORK/hold$to")" "done"
done
bypass_none "by way of the relay"
do_ok "attach again" loader attach r0 --ports 80,7007
ok "flows go through the relay again" steering $SERVER4 $SERVER6
do_ok "detach --all" loader detach --all
unchanged "nothing is left" "$WORK/before"
finish
