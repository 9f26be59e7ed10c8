#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A hundred times an interface disappears and returns while watch runs. It is attached again
# before it has carried a packet, flows over another interface are not disturbed, and nothing is
# left behind. CYCLES=N does it N times.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/soak.sh
. "$TOP/tests/lib/soak.sh"

CYCLES=${CYCLES:-100}

# a second way from the client to the router, for the servers' second addresses
second_link() {
	ip -n "$CLIENT" link add c1 type veth peer name r2 netns "$ROUTER"
}

second_up() {
	topo_address "$ROUTER" r2 10.77.8.1/24 fd77:8::1/64 &&
		topo_address "$CLIENT" c1 10.77.8.2/24 fd77:8::2/64 &&
		ip -n "$CLIENT" route replace 10.77.3.0/24 via 10.77.8.1 &&
		ip -n "$CLIENT" route replace fd77:3::/64 via fd77:8::1
}

attached() {
	[[ $(r python3 "$LIB/net.py" attached r2) == *[0-9]* || -n $(r tc filter show dev r2 ingress) ]]
}
repairs() { grep -c 'r2: repaired: device$' "$WORK/log/watch"; }

# greeted ADDRESS — a flow there goes through the relay
greeted() {
	local seen

	seen=$(c socat -T 5 - "TCP:$(bracket "$1"):7007,connect-timeout=5" </dev/null | head -n 1)
	[[ $seen == "$ROUTER4 "* || $seen == "$ROUTER6 "* ]]
}

prepare
soak_serve || fatal "the server starts"
ok "the relay starts" relay_start
snapshot >"$WORK/before"
do_ok "attach" loader attach r0 --ports 7007 --proto tcp+udp
"$LOADER" -n "$ROUTER" watch >"$WORK/log/watch" 2>&1 </dev/null &
watch=$!
disown $watch
ok "watch runs" wait_for 10 grep -q watching "$WORK/log/watch"
second_link
do_ok "attach the second interface" loader attach r2
second_up
ok "flows are relayed" wait_for 10 greeted $EXTRA4
ok "over IPv6 too" wait_for 10 greeted $EXTRA6

bypass_reset
soak_state attached
soak_load steady new long forever udp -- $SERVER4 $SERVER6
ok "load is relayed" wait_for 10 soaked_more steady 1 20
fds=$(find /proc/$watch/fd -mindepth 1 | wc -l)
failed=0 slow=0
for ((cycle = 1; cycle <= CYCLES; cycle++)); do
	r ip link del r2
	second_link
	# in use at once, or only when it is attached
	((cycle % 2)) || second_up
	wait_for 5 attached || slow=$((slow + 1))
	((cycle % 2 == 0)) || second_up
	if ((cycle % 10 == 0)); then
		greeted $EXTRA4 && greeted $EXTRA6 || failed=$((failed + 1))
	fi
done
is "watch attached it $CYCLES times" "$slow" 0
is "flows over it were relayed at once" $failed 0
ok "it reports each" wait_for 5 eval "[[ \$(repairs) -ge $CYCLES ]]"
is "watch holds no more descriptors than before" "$(find /proc/$watch/fd -mindepth 1 | wc -l)" "$fds"
is "one entry for each interface is left" \
	"$(bpftool -j map dump pinned "$PINS/ifaces" | json_value 'len(o)')" 2
is "one rule for each interface, too" "$(r ip rule | grep -c '^150:') $(r ip -6 rule | grep -c '^150:')" "2 2"
is "and one link" "$(find "$PINS/links" -mindepth 1 -not -name lookup | wc -l)" \
	"$([[ $(r python3 "$LIB/net.py" attached r0) == no-hook* ]] && echo 0 || echo 2)"
soak_stop
soak_judge "no flow over the other interface failed or went past" steady
bypass_none "no packet went past the relay"
stop $watch
r ip link del r2
do_ok "detach --all" loader detach --all
unchanged "nothing is left" "$WORK/before"
finish
