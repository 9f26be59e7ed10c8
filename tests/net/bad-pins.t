#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Pins that are no maps, of other types, or of another ABI are refused with one sentence and stay
# untouched.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/foreign.sh
. "$TOP/tests/lib/foreign.sh"

prepare nginx
ok "the relay starts" relay_start

echo text >"$WORK/file"
refuses "a pin directory that is a file" 1 "$WORK/file" loader --pin-dir "$WORK/file" attach r0 --ports 80
is "the file is untouched" "$(<"$WORK/file")" text

snapshot >"$WORK/before"
do_ok "attach" loader attach r0 --ports 80
ok "flows go through the relay" steering $SERVER4

broken_case() { # NAME
	refuses "$1: attach" 1 dst4 loader attach r0 --ports 80
	refuses "$1: cidr add" 1 dst4 loader cidr add 10.77.2.0/24
	refuses "$1: status" 1 dst4 loader status
	try loader detach --all
	[[ $RC -eq 0 || $ERR == *clean* ]]
	tap_result $? "$1: detach --all works, or names clean"
	do_ok "$1: clean" loader clean
	ok "$1: flows go straight" direct $SERVER4
	unchanged "$1: nothing of ours is left" "$WORK/before"
}

attached() {
	do_ok "attach" loader attach r0 --ports 80 --hook "$1"
	ok "flows go through the relay" steering $SERVER4
	rm "$PINS/dst4"
}

for hook in auto clsact; do
	attached $hook
	bpftool map create "$PINS/dst4" type hash key 4 value 4 entries 4 name stranger
	broken_case "a map of another type at dst4, $hook"
	attached $hook
	broken_case "no dst4, $hook"
done

build() {
	foreign_build pass <<<'SEC("tc") int pass(void *skb) { return -1; }' &&
		bpftool prog load "$WORK/pass.o" "$1"
}
attached auto
ok "a program is loaded" build "$PINS/dst4"
broken_case "a program at dst4"

# another ABI
do_ok "attach" loader attach r0 --ports 80
abi=$(bpftool -j map dump pinned "$PINS/config" | python3 -c '
import json, sys
value = json.load(sys.stdin)[0]["value"]
value[0] = "0x63"
print(" ".join(value))')
# shellcheck disable=SC2086 # one argument a byte
bpftool map update pinned "$PINS/config" key 0 0 0 0 value hex ${abi//0x/}
snapshot >"$WORK/foreign-abi"
refuses "attach over another ABI" 1 'ABI' loader attach r0 --ports 80
refuses "cidr add over another ABI" 1 'ABI' loader cidr add 10.77.2.0/24
refuses "status of another ABI" 1 'ABI' loader status
unchanged "nothing is touched" "$WORK/foreign-abi"
finish
