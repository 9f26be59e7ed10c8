#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A prefix that bpftool adds to the pinned map is intercepted at once. Deleting it ends that for
# new flows; a running transfer is not disturbed.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
sum=$(sum_of "$WORK/www/load")
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80 --to 10.77.2.0/24,fd77:2::/64
ok "flows to the attached prefixes go through the relay" steering $SERVER4 $SERVER6
ok "the extra network is direct" direct $EXTRA4
ok "the extra IPv6 network is direct" direct $EXTRA6

# the running transfer: its progress shows when it has begun
cpy get $EXTRA4 80 /load "$WORK/early" >"$WORK/early.sum" 2>&1 &
early=$!
ok "a direct transfer is running" wait_for 10 test -s "$WORK/early"

key4=(24 0 0 0 10 77 3 0)
key6=(64 0 0 0 253 119 0 3 0 0 0 0 0 0 0 0 0 0 0 0)
one=(1 0 0 0 0 0 0 0)
do_ok "bpftool adds the IPv4 prefix" \
	r bpftool map update pinned "$PINS/dst4" key "${key4[@]}" value "${one[@]}"
ok "the very next flow goes through the relay" via_relay $EXTRA4
do_ok "bpftool adds the IPv6 prefix" \
	r bpftool map update pinned "$PINS/dst6" key "${key6[@]}" value "${one[@]}"
ok "the very next IPv6 flow goes through the relay" via_relay $EXTRA6

cpy get $EXTRA4 80 /load "$WORK/late" >"$WORK/late.sum" 2>&1 &
late=$!
cpy get $EXTRA6 80 /load "$WORK/late6" >"$WORK/late6.sum" 2>&1 &
late6=$!
ok "a relayed transfer is running" wait_for 10 test -s "$WORK/late"
ok "a relayed IPv6 transfer is running" wait_for 10 test -s "$WORK/late6"

do_ok "bpftool deletes the IPv4 prefix" r bpftool map delete pinned "$PINS/dst4" key "${key4[@]}"
ok "the very next flow is direct" direct $EXTRA4
do_ok "bpftool deletes the IPv6 prefix" r bpftool map delete pinned "$PINS/dst6" key "${key6[@]}"
ok "the very next IPv6 flow is direct" direct $EXTRA6
ok "the attached prefixes are relayed still" steering $SERVER4 $SERVER6

wait $early $late $late6
is "the transfer that began before the edit is whole" "$(cut -d' ' -f1 "$WORK/early.sum")" "$sum"
is "the relayed transfer survived the deletion" "$(cut -d' ' -f1 "$WORK/late.sum")" "$sum"
is "the relayed IPv6 transfer survived it too" "$(cut -d' ' -f1 "$WORK/late6.sum")" "$sum"
ok "and it did go through the relay" relay_says "$(record tcp $CLIENT4 $EXTRA4 80 '.*down=25[0-9]{6} ')"
finish
