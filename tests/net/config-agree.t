#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The loader and the relay read one file alike: for each case of tests/config/ both report all
# its errors, in the same words, and accept what has none.
. "$(dirname "$0")/../lib/test.sh"

CASES=$WORK/cases
python3 "$TOP/tests/config/split.py" "$CASES" "$TOP"/tests/config/*.cases || fatal "the cases are written"

# judged PROGRAM ARGS… — verdict and errors, without the names of program and file
judged() {
	local program=$1 rc
	shift

	timeout 30 "$@" >out 2>err
	rc=$?
	case $program-$rc in
	*-1) echo bad ;;
	*-0 | tproxy-loader-4) echo good ;; # 4: with warnings
	*) echo "status $rc" ;;
	esac
	sed -n "/^$program: warning: /d; /^$program: case.conf: [0-9]* rules/d
		s/^$program: case.conf:/$program: /; s/^$program: //; p" err
}

total=0
for dir in "$CASES"/*; do
	cd "$dir" || fatal "the directory of a case"
	total=$((total + 1))
	name=$(<name)
	wanted=$(cat verdict errors)
	is "$name: check" "$(judged tproxy-loader "$LOADER" check case.conf)" "$wanted"
	is "$name: relay" "$(judged tproxy-relay "$RELAY" --check -c case.conf)" "$wanted"
done
cd / || exit
ok "there are more than 200 cases" test "$total" -gt 200
finish
