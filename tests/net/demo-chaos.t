#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# scripts/demo chaos: doctor names everything that it breaks, and each cure helps.
TEST_LIMIT=700
. "$(dirname "$0")/../lib/test.sh"

make -s -C "$TOP" >"$WORK/log/make" 2>&1
env -u TP_SANDBOX "$TOP/scripts/demo" chaos >"$WORK/log/demo" 2>&1 </dev/null
is "its exit code" $? 0
is "its last line" "$(tail -1 "$WORK/log/demo")" PASS
ok "it breaks ten things or more" test "$(grep -c '^=== ' "$WORK/log/demo")" -gt 10
is "doctor names each" "$(grep -c '✓ doctor names it' "$WORK/log/demo")" \
	"$(($(grep -c '^=== ' "$WORK/log/demo") - 1))"
is "nothing fails" "$(grep -c '✗' "$WORK/log/demo")" 0
is "no namespace is left" "$(ls /run/netns)" ""

env -u TP_SANDBOX "$TOP/scripts/demo" calm >"$WORK/log/usage" 2>&1 </dev/null
is "another word is refused" $? 2
finish
