#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Our program runs first on tcx and on clsact. If another one still runs before it, there, by XDP
# or on a lower device, attach names it. --after accepts it, and watch restores the first place.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/foreign.sh
. "$TOP/tests/lib/foreign.sh"
# shellcheck source=tests/lib/devices.sh
. "$TOP/tests/lib/devices.sh"

# foreign_prog NAME TYPE RETURNS — a program of that name and verdict, pinned at /sys/fs/bpf/NAME
foreign_prog() {
	echo "SEC(\"$2\") int $1(void *ctx) { return $3; }" | foreign_build "$1" &&
		rm -f "/sys/fs/bpf/$1" && bpftool prog load "$WORK/$1.o" "/sys/fs/bpf/$1"
}
foreign_id() { bpftool -j prog show pinned "/sys/fs/bpf/$1" | json_value "o['id']"; }
tcx() { r python3 "$LIB/corner.py" tcx "$1" "/sys/fs/bpf/$2" "$3"; }
untcx() { r python3 "$LIB/corner.py" untcx "$1" "/sys/fs/bpf/$2"; }
filter() { # DEVICE PRIORITY PROGRAM [HANDLE]
	r tc filter add dev "$1" ingress pref "$2" handle "${4:-7}" bpf da pinned "/sys/fs/bpf/$3"
}

# order [DEVICE] — names of the tcx programs of a device, in the order in which they run
order() {
	local id

	for id in $(r python3 "$LIB/net.py" attached "${1:-r0}" | sed 's/\].*//; s/[][,]//g'); do
		bpftool -j prog show id "$id" | json_value "o['name']"
	done | paste -sd' '
}
# priorities — of our filters on r0
priorities() {
	r tc filter show dev r0 ingress | sed -n 's/.* pref \([0-9]*\) .* tproxy_ingress .*/\1/p' |
		paste -sd' '
}
has_priority() { [[ $(priorities) == "$1" ]]; }
runs_in_order() { [[ $(order) == "$1" ]]; }
first_filter_is_ours() {
	r tc filter show dev r0 ingress | grep ' handle ' | head -1 | grep -q ' tproxy_ingress '
}
warnings() { grep -c 'runs before ours: ' <<<"$ERR"; }

intercepted() { # DESCRIPTION
	ok "$1: flows go through the relay" steering $SERVER4 $SERVER6
	bypass_reset
	is "$1: UDP does" "$(cpy udp-who $SERVER4 7007) $(cpy udp-who $SERVER6 7007)" \
		"$ROUTER4 other-port $ROUTER6 other-port"
	bypass_none "$1: nothing gets past"
}

prepare nginx echo
for name in stop halt; do
	foreign_prog $name tc 0 || fatal "the program $name loads"
done >"$WORK/log/foreign" 2>&1
foreign_prog next tc -1 >>"$WORK/log/foreign" 2>&1 || fatal "the program next loads"
foreign_prog look xdp 2 >>"$WORK/log/foreign" 2>&1 || fatal "the program look loads"
ok "the relay starts" relay_start
attach=(loader attach r0 --ports "80,udp/7007")
TCX=
! loader features | grep -Eq 'tcx +yes' || TCX=yes

# direct flows first: after many relayed ones, TIME_WAIT sockets may swallow some of them

refuses "an empty name is no program" 2 'after.*name or id' "${attach[@]}" --after ''
refuses "control characters are refused" 2 'after.*name or id' "${attach[@]}" --after $'a\eb'
refuses "a name that is too long is refused" 2 'after.*name or id' "${attach[@]}" \
	--after "$(printf 'a%.0s' {1..16})"

tcx_tests() {
	tcx r0 stop before || fatal "a tcx program is attached"
	do_ok "tcx, another program is there: attach" "${attach[@]}"
	is "no warning" "$(warnings)" 0
	is "ours is first" "$(order)" "tproxy_ingress stop"
	intercepted "tcx, before one that accepts"

	tcx r0 halt before
	ok "one that comes first hides ours" wait_for 10 direct $SERVER4
	do_ok "attach again" "${attach[@]}"
	is "no warning" "$(warnings)" 0
	is "ours is first again" "$(order)" "tproxy_ingress halt stop"
	intercepted "tcx, taken back"

	tcx r0 next before
	do_ok "attach --after by name" "${attach[@]}" --after next
	is "no warning" "$(warnings)" 0
	is "ours follows it" "$(order)" "next tproxy_ingress halt stop"
	intercepted "after one that lets packets continue"
	untcx r0 halt
	tcx r0 halt before
	do_ok "attach again" "${attach[@]}"
	is "the accepted one still runs before ours, and another one before ours is reported" \
		"$(order), $(warnings)" "halt next tproxy_ingress stop, 1"
	like "by name and number" "$ERR" \
		'r0: the tcx program halt \(id [0-9]+\) runs before ours.*attach r0 --after halt'
	do_ok "attach --after by number" "${attach[@]}" --after "$(foreign_id halt)"
	is "no warning, though it accepts" "$(warnings)" 0
	ok "so flows go straight" wait_for 10 direct $SERVER4
	untcx r0 halt
	do_ok "attach --after of one that is not there" "${attach[@]}" --after nobody
	like "is reported" "$ERR" 'after nobody: no such program runs before ours'

	do_ok "detach" loader detach --all
	tcx r0 halt before
	do_ok "attach again" "${attach[@]}"
	is "nothing is remembered" "$(order)" "tproxy_ingress halt next stop"
	do_ok "--hook clsact beside tcx programs" "${attach[@]}" --hook clsact
	is "all three are reported" "$(warnings)" 3
	do_ok "detach" loader detach --all
	for name in halt next stop; do
		untcx r0 $name
	done
}

clsact_tests() {
	r tc qdisc add dev r0 clsact
	filter r0 1 stop
	do_ok "clsact, another program has priority 1: attach" "${attach[@]}" --hook clsact
	is "ours shares it" "$(priorities) $(warnings)" "1 0"
	intercepted "clsact, before one of the same priority"
	filter r0 1 halt 8
	ok "a newer one there is the first" wait_for 10 direct $SERVER4
	do_ok "attach again" "${attach[@]}"
	is "ours comes first again" "$(priorities) $(warnings)" "1 0"
	intercepted "clsact, taken back"
	r tc filter del dev r0 ingress pref 1
	filter r0 10 stop
	do_ok "attach again, all of priority 1 are gone" "${attach[@]}" --hook clsact
	is "ours has priority 1" "$(priorities) $(warnings)" "1 0"
	intercepted "clsact, before one that accepts"

	r tc filter del dev r0 ingress pref 1
	r tc filter add dev r0 ingress pref 7402 handle 0x7402 bpf da pinned "$PINS/progs/tproxy_ingress"
	do_ok "attach where an older build is, at priority 7402" "${attach[@]}"
	is "it is replaced" "$(priorities)" 1
	intercepted "clsact, moved from 7402"

	filter r0 2 next
	do_ok "attach --after" "${attach[@]}" --after next
	is "ours has the priority after it" "$(priorities) $(warnings)" "3 0"
	intercepted "clsact, after one that lets packets continue"
	filter r0 1 halt
	do_ok "attach again" "${attach[@]}"
	is "one more is reported" "$(priorities) $(warnings)" "3 1"
	like "by name and number" "$ERR" \
		'r0: the bpf filter halt \(id [0-9]+\) of priority 1 runs before ours.*--after halt'
	do_ok "detach" loader detach --all
	is "their filters are left" "$(r tc filter show dev r0 ingress | grep -c ' handle 0x7 ')" 3
	r tc qdisc del dev r0 clsact
}

# shaper PARENT PRIORITY — all to an ifb that limits the rate, and counts
shaper() {
	r tc filter add dev r0 parent "$1" protocol all prio "$2" u32 match u32 0 0 \
		action mirred egress redirect dev ifb0
}
shaped() { r tc -s qdisc show dev ifb0 | sed -n 's/.* \([0-9]*\) pkt .*/\1/p' | head -1; }
shaper_counts() { # DESCRIPTION
	local before

	before=$(shaped)
	intercepted "$1"
	like "$1: the shaper still works" "$(($(shaped) > before))" 1
}

# what the kernel shows as a filter's parent is the parent of the last change to any of them
left() { snapshot_quick | sed -E 's/^filter (parent ffff: |ingress )?/filter /'; }

shaper_tests() {
	if ! r ip link add ifb0 type ifb 2>"$WORK/device"; then
		tap_result 0 "a shaper # SKIP the kernel has no ifb: $(head -n 1 "$WORK/device")"
		return
	fi
	r ip link set ifb0 up
	r tc qdisc add dev ifb0 root tbf rate 100mbit burst 256k latency 50ms
	for hook in auto clsact; do
		r tc qdisc add dev r0 handle ffff: ingress
		shaper ffff: 10
		left >"$WORK/before"
		do_ok "$hook, a shaper is there: attach" "${attach[@]}" --hook $hook
		is "no warning" "$(warnings)" 0
		shaper_counts "$hook, shaper before attach"
		do_ok "detach" loader detach --all
		left >"$WORK/after"
		same_text "the shaper is left as it was" "$WORK/before" "$WORK/after"
		r tc qdisc del dev r0 ingress

		do_ok "$hook: attach" "${attach[@]}" --hook $hook
		if [[ $hook == auto && -n $TCX ]]; then
			r tc qdisc add dev r0 handle ffff: ingress
		fi
		shaper ffff:fff2 10
		shaper_counts "$hook, shaper after attach"
		do_ok "detach" loader detach --all
		r tc qdisc del dev r0 ingress 2>/dev/null
		r tc qdisc del dev r0 clsact 2>/dev/null
	done
	r tc qdisc add dev r0 handle ffff: ingress
	shaper ffff: 1
	do_ok "clsact, a shaper has priority 1: attach" "${attach[@]}" --hook clsact
	like "it is reported" "$ERR" 'r0: the u32 filter of priority 1 runs before ours.*--after u32'
	do_ok "attach --after u32" "${attach[@]}" --after u32
	is "accepts it" "$(warnings)" 0
	do_ok "detach" loader detach --all
	r tc qdisc del dev r0 ingress
	r ip link del ifb0
}

xdp_tests() {
	r ip link set dev r0 xdpgeneric pinned /sys/fs/bpf/look || fatal "an XDP program is attached"
	do_ok "XDP: attach" "${attach[@]}"
	like "it is reported" "$ERR" 'r0: the generic XDP program look \(id [0-9]+\) runs before ours'
	intercepted "XDP that passes"
	do_ok "attach --after two" "${attach[@]}" --after nobody,look
	is "accepts it" "$(warnings)" 0
	do_ok "detach" loader detach --all
	r ip link set dev r0 xdpgeneric off
}

# below NAME KIND-ARGS… — a device x0 of that kind on top of p0, which has a program and a filter
below() {
	local name=$1 reported
	shift

	r ip link add p0 type veth peer name p1
	if device "$name" "$@"; then
		[[ $name == VLAN ]] || r ip link set p0 master x0
		r ip link set p0 up
		r ip link set x0 up
		r tc qdisc add dev p0 clsact
		filter p0 5 stop
		[[ -z $TCX ]] || tcx p0 next before
		try loader attach x0 --ports 80
		reported='x0: the bpf filter stop \(id [0-9]+\) of priority 5 on p0 runs before ours'
		[[ -z $TCX ]] || reported="x0: the tcx program next \(id [0-9]+\) on p0 runs before ours.*$reported"
		like "$name: programs that run below it are reported" "$ERR" "$reported"
		try loader attach x0 --ports 80 --after stop,next
		is "$name: and may be acknowledged" "$(warnings)" 0
		[[ $name != VLAN ]] || try loader attach p0 --ports 80 --after next,stop
		try loader attach x0 --ports 80
		is "$name: our program on the lower device is not reported" "$(warnings)" 0
		do_ok "$name: detach" loader detach --all
		r ip link del x0
	fi
	r ip link del p0
}

# contend — comes first again, each time that ours does, until watch gives up
watch_start() { # ARGS…
	"$LOADER" -n "$ROUTER" "$@" watch >"$WORK/log/watch.out" 2>"$WORK/log/watch" </dev/null &
	WATCH_PID=$!
	disown "$WATCH_PID"
	wait_for 10 grep -q watching "$WORK/log/watch"
}

watch_tests() { # HOOK
	if [[ $1 == clsact ]]; then
		r tc qdisc add dev r0 clsact
		r tc filter add dev r0 ingress pref 1 protocol all u32 match u32 0 0 flowid :1
	fi
	do_ok "attach" "${attach[@]}" --hook "$1"
	ok "watch starts" watch_start
	if [[ $1 == clsact ]]; then
		ok "a filter that it cannot pass is reported" wait_for 10 \
			grep -q 'r0: the u32 filter of priority 1 runs before ours' \
			"$WORK/log/watch"
		is "ours is next" "$(priorities)" 2
		r tc filter del dev r0 ingress pref 1
		ok "ours has priority 1 when it can" wait_for 10 has_priority 1
		filter r0 1 stop
		ok "clsact: watch takes the first place back" wait_for 10 first_filter_is_ours
		ok "and says so" wait_for 5 grep -q 'r0: repaired: order' "$WORK/log/watch"
		intercepted "clsact, taken back by watch"
	else
		tcx r0 stop before
		ok "tcx: watch takes the first place back" wait_for 10 runs_in_order "tproxy_ingress stop"
		ok "and says so" wait_for 5 grep -q 'r0: repaired: order' "$WORK/log/watch"
		intercepted "tcx, taken back by watch"
		nsenter --net="/run/netns/$ROUTER" -- python3 "$LIB/corner.py" contend r0 \
			/sys/fs/bpf/stop 2>"$WORK/log/contend" &
		contender=$!
		disown $contender
		ok "after ten moves it gives up, and names the program" wait_for 90 grep -q \
			'r0: the tcx program stop .* is moved before ours again and again' \
			"$WORK/log/watch"
		stop $contender
		untcx r0 stop
		wait_for 3 false
		tcx r0 stop before
		ok "when that program is gone, watch tries again" wait_for 10 runs_in_order "tproxy_ingress stop"
		try loader attach r0 --after stop
		untcx r0 stop
		tcx r0 stop before
		repairs=$(grep -c 'repaired: order' "$WORK/log/watch")
		wait_for 3 false
		is "one that is acknowledged may stay first" \
			"$(order) $(grep -c 'repaired: order' "$WORK/log/watch")" "stop tproxy_ingress $repairs"
	fi
	stop "$WATCH_PID"
	do_ok "detach" loader detach --all
	[[ $1 == clsact ]] || untcx r0 stop
	r tc qdisc del dev r0 clsact 2>/dev/null
}

[[ -z $TCX ]] || tcx_tests
clsact_tests
shaper_tests
xdp_tests
below bridge x0 type bridge
below bond x0 type bond
below VLAN link p0 name x0 type vlan id 7
[[ -z $TCX ]] || watch_tests tcx
watch_tests clsact

# moving costs nothing
if [[ -n $TCX ]]; then
	do_ok "attach" "${attach[@]}"
	churn_start $SERVER4 80
	churn_start $SERVER6 80
	ok "load runs" wait_for 15 churned_more $SERVER4 3 10
	for _ in 1 2 3 4 5; do
		tcx r0 next before
		"${attach[@]}" >>"$WORK/log/moves" 2>&1 || tap_result 1 "attach moves ours"
		untcx r0 next
	done
	done4=$(churned $SERVER4 1) done6=$(churned $SERVER6 1)
	ok "and on" wait_for 15 churned_more $SERVER4 1 $((done4 + 10))
	ok "over IPv6 too" wait_for 15 churned_more $SERVER6 1 $((done6 + 10))
	churn_stop
	is "ours was moved each time" "$(grep -c 'tcx: attach tproxy_ingress to r0, first' "$WORK/log/moves")" 5
	for to in $SERVER4 $SERVER6; do
		is "it costs no flow to $to, and lets none past" \
			"$(churned "$to" 2) $(churned "$to" 4)" "0 0"
	done
fi
finish
