#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# detach --all leaves nothing: on both hooks, and with a clsact qdisc that existed before.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx dns
ok "the relay starts" relay_start

cycle() { # NAME HOOK ATTACH-OPTIONS…
	local name=$1 hook=$2
	shift 2

	snapshot >"$WORK/before"
	do_ok "$name: attach the clients' side" loader attach r0 --ports 80,udp/53 --hook "$hook" "$@"
	do_ok "$name: attach the servers' side" loader attach r1 --divert-only --hook "$hook"
	ok "$name: flows go through the relay" steering $SERVER4 $SERVER6
	is "$name: UDP too" "$(dig_at $SERVER4 test.tproxy A)" 10.77.2.200
	nok "$name: attaching is visible" snapshot_equals "$WORK/before"
	do_ok "$name: detach --all" loader detach --all
	unchanged "$name: nothing is left" "$WORK/before"
	ok "$name: flows go straight again" direct $SERVER4
	ok "$name: IPv6 flows go straight again" direct $SERVER6
}

ifaces_cycle() { # NAME — one interface after the other
	snapshot >"$WORK/before"
	do_ok "$1: attach both" loader attach r0 r1 --ports 80
	snapshot >"$WORK/both"
	do_ok "$1: detach r1" loader detach r1
	ok "$1: r0 continues" steering $SERVER4
	do_ok "$1: attach r1 again" loader attach r1 --ports 80
	do_ok "$1: detach r0" loader detach r0
	ok "$1: r0 is free" direct $SERVER4
	do_ok "$1: detach r1" loader detach r1
	do_ok "$1: detach --all" loader detach --all
	unchanged "$1: nothing is left" "$WORK/before"
}

cycle auto auto
cycle clsact clsact
if [[ $(r python3 "$LIB/net.py" attached r0) == *no-hook* ]]; then
	echo "# no tcx in this kernel"
else
	cycle tcx tcx
fi
ifaces_cycle "one by one"
r tc qdisc add dev r0 clsact
cycle "clsact beside a clsact of somebody else" clsact
like "which is still there" "$(r tc qdisc show dev r0)" clsact
cycle "auto beside a clsact of somebody else" auto
r tc qdisc del dev r0 clsact
cycle "with prefixes" auto --to 10.77.0.0/16,fd77::/16

do_ok "detach --all with nothing attached is done already" loader detach --all
finish
