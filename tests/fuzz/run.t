#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Each fuzzer for a short while from its corpus. FUZZ_SECONDS=600 for a long one.
cd "$(dirname "$0")/../.." || exit
n=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for target in config import packet; do
	n=$((n + 1))
	fuzzer=build/tests/fuzz/fuzz_$target
	if [[ ! -x $fuzzer ]]; then
		echo "ok $n - $target # SKIP built by: make fuzz"
		continue
	fi
	mkdir "$work/$target"
	if "$fuzzer" -max_total_time="${FUZZ_SECONDS:-8}" -timeout=10 -rss_limit_mb=1024 -verbosity=0 \
		-print_final_stats=1 -artifact_prefix="$work/" "$work/$target" "tests/fuzz/$target" \
		>"$work/log" 2>&1; then
		echo "ok $n - $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log") inputs"
	else
		echo "not ok $n - $target"
		failed=1
		tail -n 40 "$work/log" | sed 's/^/# /'
		for crash in "$work"/{crash,leak,timeout,oom}-*; do
			[[ ! -e $crash ]] || base64 "$crash" | sed 's/^/# /'
		done
	fi
done
echo "1..$n"
exit $failed
