#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# scripts/demo takes less than a minute, prints PASS and leaves nothing behind.
. "$(dirname "$0")/../lib/test.sh"

make -s -C "$TOP" >"$WORK/log/make" 2>&1
began=$SECONDS
env -u TP_SANDBOX "$TOP/scripts/demo" >"$WORK/log/demo" 2>&1 </dev/null
is "its exit code" $? 0
at_most "it takes seconds" $((SECONDS - began)) 60
is "its last line" "$(tail -1 "$WORK/log/demo")" PASS
for part in BEFORE AFTER 'tproxy-loader .*attach' 'bpftool map update' 'attach --local' 'detach --all' \
	"tcp $CLIENT4:[0-9]+ -> $SERVER4:"; do
	ok "it shows $part" grep -Eq -- "$part" "$WORK/log/demo"
done
is "no namespace is left" "$(ls /run/netns)" ""

env -u TP_SANDBOX RELAY=/bin/false "$TOP/scripts/demo" >"$WORK/log/demo-broken" 2>&1 </dev/null
nok "with a broken relay it fails" test $? -eq 0
is "and says FAIL" "$(tail -1 "$WORK/log/demo-broken")" FAIL
finish
