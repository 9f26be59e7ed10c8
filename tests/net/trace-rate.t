#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# trace at a high rate: of the packets that match, it shows some and counts the others as lost; no
# packet is missing. The rates are printed and judged by nobody. PACKETS may be given.
TEST_LIMIT=${TEST_LIMIT:-300}
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/trace.sh"

PACKETS=${PACKETS:-300000} FROM=10.77.1.99
summary() { tail -n 1 "$WORK/$1" | json_value "$2"; }
rule_packets() { loader -j rule list | json_value "sum(r['packets'] for r in o['rules'])"; }
dropped() { c ip -j -s link show dev c0 | json_value "o[0]['stats64']['tx']['dropped']"; }
flood() { c "$TOP/build/tests/helpers/flood" c0 "$MAC" $FROM $SERVER4 "$1" "$PACKETS"; }
settled() { # nothing comes any more
	local now
	now=$(rule_packets)
	[[ $now == "${LAST-}" ]] && return
	LAST=$now
	return 1
}

# rate NAME PORT — floods, and compares what was sent, what the data path counted, and the trace
rate() {
	local name=$1 before dropped sent pps counted

	trace_start "$name" --src $FROM || fatal "trace starts"
	before=$(rule_packets) dropped=$(dropped)
	read -r sent pps < <(flood "$2")
	LAST=
	wait_for 30 settled
	counted=$(($(rule_packets) - before)) dropped=$(($(dropped) - dropped))
	trace_stop "$name"
	echo "$name: $sent packets, $pps a second; $dropped dropped before they came; $(tail -n 1 "$WORK/$name")" |
		tap_comment
	is "$name: all were sent" "$sent" "$PACKETS"
	is "$name: all that were not dropped came" "$counted" $((sent - dropped))
	is "$name: the trace saw each of them" "$(summary "$name" "o['matched']")" "$counted"
	ok "$name: seen and lost ones are these" trace_adds_up "$name"
	is "$name: what was lost is counted" "$(summary "$name" "o['shown'] + o['lost']")" "$counted"
}

prepare
do_ok "attach" loader attach r0
do_ok "a rule that drops" loader rule add shut --ports udp/81 --action drop
MAC=$(r ip -j link show dev r0 | json_value "o[0]['address']")
rate first 81
rate second 81
finish
