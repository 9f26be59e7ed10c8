#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Ten times under load, attach of another build replaces the programs in place, on both hooks.
# No flow fails and no packet bypasses the relay, even if the command is killed half-way. A
# running watch does not undo it. SWAPS=N does it N times.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/soak.sh
. "$TOP/tests/lib/soak.sh"

SWAPS=${SWAPS:-10}
NEXT=$TOP/build/tests/next/tproxy-loader
builds=("$LOADER" "$NEXT")

# program_tags — tags of the programs that run there, of whichever hook
program_tags() {
	local dev id

	for dev in r0 r1; do
		id=$(r python3 "$LIB/net.py" attached $dev | sed -n 's/^\[\([0-9]*\)\].*/\1/p')
		[[ -n $id ]] || id=$(r tc -j filter show dev $dev ingress | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
		bpftool prog show id "$id" | sed -n '1s/.* tag \([0-9a-f]*\).*/\1/p'
	done
}
lookup_id() { r python3 "$LIB/net.py" attached-netns "/run/netns/$ROUTER"; }

attach_by() { # LOADER
	"$1" -n "$ROUTER" attach r0 --ports 80,7007,udp/7007 --learn 0 &&
		"$1" -n "$ROUTER" attach r1 --divert-only
}

swap() { # TURN — true if other programs run afterwards
	local lookup

	lookup=$(lookup_id)
	try attach_by "${builds[$1 % 2]}" || return
	[[ $ERR == *"replace the programs of another build in place"* ]] || return
	[[ $(program_tags) == "${tags[$1 % 2]}" && $(lookup_id) != "$lookup" ]]
}

soak() { # HOOK
	local hook=$1 turn failed=0
	local -a tags

	rm -f "$WORK/states"
	snapshot >"$WORK/before"
	do_ok "$hook: attach" loader attach r0 --ports 80,7007,udp/7007 --hook "$hook"
	do_ok "$hook: attach the servers' side" loader attach r1 --divert-only --hook "$hook"
	tags[0]=$(program_tags)
	try attach_by "$NEXT"
	tags[1]=$(program_tags)
	like "$hook: the other build is attached" "${tags[1]}" '^[0-9a-f]{16}'
	unlike "$hook: and differs" "${tags[1]}" "${tags[0]}"
	bypass_reset
	# the server cannot distinguish a relay with the client's address from the client: the counter
	# shows what went past the relay
	soak_state replacing
	soak_load "$hook" new new long forever udp -- $SERVER4 $SERVER6
	ok "$hook: load is relayed" wait_for 10 soaked_more "$hook" 1 20
	for ((turn = 0; turn < SWAPS; turn++)); do
		swap $turn || failed=$((failed + 1))
		wait_for 10 soaked_more "$hook" 1 $(($(soaked "$hook" 1) + 4)) || failed=$((failed + 1))
	done
	is "$hook: $SWAPS swaps" $failed 0
	soak_stop
	soak_judge "$hook: no flow failed" "$hook"
	bypass_none "$hook: no packet went past the relay"
	do_ok "$hook: detach --all by the other build" "$NEXT" -n "$ROUTER" detach --all
	unchanged "$hook: nothing is left" "$WORK/before"
}

prepare nginx
[[ -x $NEXT ]] || fatal "the other build is there (make tests)"
soak_serve || fatal "the server starts"
ok "the relay starts, with the clients' addresses" relay_start --source client-ip

soak clsact
[[ $(r python3 "$LIB/net.py" attached r0) == no-hook* ]] || soak tcx

# killed at some call of the swap: the old programs run, or the new; the next attach completes it
do_ok "attach" attach_by "$LOADER"
tags=("$(program_tags)")
# each call that changes what runs or what is pinned; the last of loading; the one after all of them
points() {
	strace -f -qq -e trace=bpf -o "$WORK/trace" "$NEXT" -n "$ROUTER" -q attach r0
	awk '/bpf\(/ { n++ }
		/BPF_PROG_LOAD/ { loaded = n }
		/BPF_LINK_UPDATE|BPF_OBJ_PIN/ { print last = n }
		END { print loaded; print last + 1 }' "$WORK/trace"
}
calls=$(points)
tags[1]=$(program_tags)
turn=0
attach_by "$LOADER" >/dev/null 2>&1
like "a swap makes such calls" "$(wc -w <<<"$calls")" '^([4-9]|1[0-9])$'
for n in $calls; do
	strace -f -qq -o /dev/null -e trace=bpf -e "inject=bpf:signal=KILL:when=$n" \
		"$NEXT" -n "$ROUTER" -q attach r0 >>"$WORK/log/killed" 2>&1
	is "a swap is killed at call $n" $? 137
	ok "flows are still relayed" recorded $SERVER4
	turn=$((1 - turn))
	do_ok "the next attach completes it" attach_by "${builds[turn]}"
	is "with its own programs on all interfaces" "$(program_tags)" "${tags[turn]}"
	attach_by "$LOADER" >/dev/null 2>&1
done

# a watch that was not restarted yet
"$LOADER" -n "$ROUTER" watch >"$WORK/log/watch" 2>&1 </dev/null &
watch=$!
disown $watch
ok "watch runs" wait_for 10 grep -q watching "$WORK/log/watch"
do_ok "the other build is attached beside it" attach_by "$NEXT"
next=$(program_tags)
r ip rule del pref 150 iif r0
ok "watch repairs what got lost" wait_for 20 eval "[[ \$(r ip rule) == *'iif r0'* ]]"
is "but does not touch the programs" "$(program_tags)" "$next"
ok "and reports that once" [ "$(grep -c 'another build of tproxy-loader' "$WORK/log/watch")" -eq 1 ]
stop $watch
do_ok "detach --all" loader detach --all
finish
