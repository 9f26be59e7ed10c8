#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Attach and detach a hundred times under load. Each flow goes where the state at its start says,
# detach ends only relayed flows, and nothing is left behind. CYCLES=N does it N times.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/soak.sh
. "$TOP/tests/lib/soak.sh"

CYCLES=${CYCLES:-100}

prepare
soak_serve || fatal "the server starts"
ok "the relay starts" relay_start
snapshot >"$WORK/before"
fds=$(helper_fds "$RELAY_PID")

soak_state detached
soak_load new new long udp -- $SERVER4 $SERVER6
soak_load old forever -- $EXTRA4 $EXTRA6
ok "flows go straight" wait_for 10 soaked_more new 2 20
unlike "flows that bypass the relay are counted" "$(starts_past)" '^0?$'

failed=0 past=0
tcx=$(loader features | grep -E 'tcx +yes')
for ((cycle = 1; cycle <= CYCLES; cycle++)); do
	hook=$((cycle % 2)) hook=${hook/0/clsact} hook=${hook/1/auto}
	state=attaching
	[[ $hook == auto && -n $tcx ]] || state=qdisc
	soak_state $state
	try loader -q attach r0 --ports 7007 --proto tcp+udp --hook "$hook" || failed=$((failed + 1))
	first=$(starts_past)
	soak_state attached
	wait_for 10 soaked_more new 1 $(($(soaked new 1) + 4)) || failed=$((failed + 1))
	last=$(starts_past)
	past=$((past + last - first))
	soak_state detaching
	try loader -q detach --all || failed=$((failed + 1))
	soak_state detached
	wait_for 10 soaked_more new 2 $(($(soaked new 2) + 4)) || failed=$((failed + 1))
done
is "$CYCLES times attached and detached" "$failed" 0
is "no flow started past the relay while attached" $past 0
is "a flow that began before is alive" "$(soaked old 3)" 0
soak_stop
soak_judge "no flow failed that was not relayed at a detach, each went its way" new old
unchanged "nothing is left" "$WORK/before"
like "the relay has a helper" "$fds" '^[1-9]'
holds_as_before() { [[ $(helper_fds "$RELAY_PID") == "$fds" ]]; }
wait_for 10 holds_as_before # it notices within a second that the table of audited flows is gone
is "which holds no more descriptors than before" "$(helper_fds "$RELAY_PID")" "$fds"
finish
