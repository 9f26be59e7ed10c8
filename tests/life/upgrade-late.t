#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The programs of the next build know the flows that began at a proxy, for the same ABI and after
# ABI 1. Segments that arrive after the end of such a flow still do not reach the server.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/abi.sh
. "$TOP/tests/lib/abi.sh"

NEXT=$TOP/build/tests/next/tproxy-loader
late() { corner late "$1" 7007 "$2"; }

prepare peer
abi_build 1
[[ -x $NEXT ]] || fatal "the other build is there (make tests)"

reset_flow() { # ADDRESS PORT
	is "the server resets a flow ($1)" "$(play "$1" sport="$2",end=none send=10,end=rst)" \
		"client 10 same reset, server 0 same rst-sent"
}

kept() { # NAME STEP LOADER HOOK — the flows of before, after an attach by LOADER
	local name=$1 step=$2 by=$3 hook=$4 before

	ok "$name: flows go through the relay" wait_for 10 whole 1
	reset_flow $SERVER4 5001
	reset_flow $SERVER6 5002
	do_ok "$name: attach" "$by" -n "$ROUTER" attach r0
	like "$name: replaces the programs" "$ERR" "\[#\] $step"
	bypass_reset
	before=$("$by" -n "$ROUTER" -j status | json_value "o['counters']['late']")
	is "$name: a late segment of before is answered by a reset" "$(late $SERVER4 5001) $(late $SERVER6 5002)" "reset reset"
	bypass_none "$name: and does not go past the relay"
	is "$name: which is counted" "$(($("$by" -n "$ROUTER" -j status | json_value "o['counters']['late']") - before))" 2
	is "$name: one of a flow that never was here does bypass the relay" "$(late $SERVER4 5003) $(bypassed tcp)" "reset 1"
	reset_flow $SERVER4 5004
	bypass_reset
	is "$name: flows that began after it are known as well" "$(late $SERVER4 5004) $(bypassed tcp)" "reset 0"
	do_ok "$name: detach" "$by" -n "$ROUTER" detach --all
}

ok "the relay starts" relay_start
for hook in auto clsact; do
	do_ok "attach, $hook" loader attach r0 --ports 7007,7009 --hook $hook
	kept "another build, $hook" "replace the programs" "$NEXT" $hook
done
relay_stop
ok "the relay of ABI 1 starts" old_relay_start
for hook in auto clsact; do
	do_ok "ABI 1 is attached, $hook" old_loader attach r0 --port 7007,7009 --hook $hook
	kept "from ABI 1, $hook" "migrate" "$LOADER" $hook
done
finish
