#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Runs the tests under prove: all, or those whose path contains one of the arguments
# (tests/run.sh net/dns life). The summary at the end counts files and checks.
#
# JOBS=N          runs N files at a time
# TEST_VERBOSE=1  shows each check
# RETRY=1         runs the files that failed a second time, alone, and names those that pass then
# KERNELS=0       leaves out the virtual machines with other kernels, which come last and run
#                 the most important tests (they need scripts/deps --vm)
# KERNELS=all     runs all tests in the virtual machines

set -eu -o pipefail
cd "$(dirname "$0")/.."

# all_tests — the path of every test, cheap ones first
all_tests() {
	local file machines=(tests/vm/*.t)

	[[ ${KERNELS-} != 0 ]] || machines=()
	for file in build/tests/unit/* build/tests/bpf/* tests/lint/*.t tests/fuzz/*.t \
		tests/net/*.t tests/life/*.t "${machines[@]}"; do
		if [[ -f $file && -x $file && $file != *.* || $file == *.t && -f $file ]]; then
			echo "$file"
		fi
	done
}

selected() { # ARGS…
	local file arg

	while read -r file; do
		for arg in "$@"; do
			if [[ $file == *"$arg"* || $file -ef $arg ]]; then
				echo "$file"
				break
			fi
		done
	done < <(all_tests)
}

if [[ $# -gt 0 ]]; then
	mapfile -t files < <(selected "$@")
else
	mapfile -t files < <(all_tests)
fi
if [[ ${#files[@]} -eq 0 ]]; then
	echo "tests/run.sh: no test matches: $*" >&2
	exit 2
fi
if [[ -n ${DEBUG-} ]]; then
	exec "${files[0]}" # its shell needs the terminal
fi
REPORT=build/tests/report

# seconds for one file: test scripts have a shorter limit, programs have only this one
limit=3700
[[ ${KERNELS-} != all ]] || limit=15000
run() { # FILES…
	mkdir -p "${REPORT%/*}"
	prove --jobs "${JOBS:-1}" --timer --merge --failures --comments \
		${TEST_VERBOSE:+--verbose} \
		--exec 'env CMOCKA_MESSAGE_OUTPUT=TAP timeout --kill-after=15 '$limit "$@" \
		</dev/null 2>&1 | tee $REPORT
}

if run "${files[@]}"; then
	exit 0
fi
if [[ ${RETRY-0} -eq 0 ]]; then
	exit 1
fi
# the summary of prove names them: FILE (Wstat: …)
mapfile -t failed < <(sed -n 's/^\(.*[^ ]\) *(Wstat: .*/\1/p' $REPORT)
if [[ ${#failed[@]} -eq 0 ]]; then
	exit 1
fi
echo "tests/run.sh: ${#failed[@]} failed, second try: ${failed[*]}"
JOBS=1 run "${failed[@]}"
echo "tests/run.sh: unsteady, passed on the second try: ${failed[*]}"
