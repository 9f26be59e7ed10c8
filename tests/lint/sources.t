#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The checks of scripts/lint that do not build anything.
set -u
cd "$(dirname "$0")/../.." || exit

# tool_of CHECK — the program it needs, beside those that every test needs
tool_of() {
	case $1 in
	includes | figures) echo python3 ;;
	*) echo "$1" ;;
	esac
}

n=0 failed=0
for check in clang-format includes figures codespell shellcheck; do
	n=$((n + 1))
	if ! command -v "$(tool_of "$check")" >/dev/null; then
		echo "ok $n - $check # SKIP not installed (scripts/deps installs it)"
	elif text=$(scripts/lint "$check" 2>&1); then
		echo "ok $n - $check"
	else
		echo "not ok $n - $check"
		failed=1
		head -n 100 <<<"$text" | sed 's/^/# /'
	fi
done
echo "1..$n"
exit $failed
