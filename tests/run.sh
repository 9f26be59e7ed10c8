#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Runs the tests under prove: all, or those whose path has one of the arguments
# in it (tests/run.sh net/dns life). The last are virtual machines with other kernels,
# which run the most important ones (scripts/deps --vm first): KERNELS=0 leaves them
# out, KERNELS=all runs all tests in them. JOBS=N runs N files at a time, TEST_VERBOSE=1
# shows each check. RETRY=1 runs the files that failed once more, alone, and names
# those that passed then. The summary line at the end counts files and checks.

set -eu -o pipefail
cd "$(dirname "$0")/.."

# every test there is, cheap ones first
all_tests() {
	local file machines=(tests/vm/*.t)

	[[ ${KERNELS-} != 0 ]] || machines=()
	for file in build/tests/unit/* build/tests/bpf/* tests/fuzz/*.t tests/net/*.t tests/life/*.t \
		"${machines[@]}"; do
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
	exec "${files[0]}" # a shell wants the terminal
fi
REPORT=build/tests/report

# test scripts have a limit of their own; this one is for the programs
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
# prove's summary: FILE (Wstat: …)
mapfile -t failed < <(sed -n 's/^\(.*[^ ]\) *(Wstat: .*/\1/p' $REPORT)
if [[ ${#failed[@]} -eq 0 ]]; then
	exit 1
fi
echo "tests/run.sh: ${#failed[@]} failed, once more: ${failed[*]}"
JOBS=1 run "${failed[@]}"
echo "tests/run.sh: unsteady, passed at the second try: ${failed[*]}"
