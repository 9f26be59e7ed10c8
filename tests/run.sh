#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Runs the tests under prove: all, or those whose path has one of the arguments
# in it (tests/run.sh net/dns life). KERNELS=1 adds the virtual machines with other
# kernels (scripts/deps --vm first). JOBS=N runs N files at a time, TEST_VERBOSE=1
# shows each check. The summary line at the end counts files and checks.

set -eu -o pipefail
cd "$(dirname "$0")/.."

# every test there is, cheap ones first
all_tests() {
	local file

	for file in build/tests/unit/* build/tests/bpf/* tests/net/*.t tests/life/*.t ${KERNELS:+tests/vm/*.t}; do
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
# test scripts have a limit of their own; this one is for the programs
exec prove --jobs "${JOBS:-1}" --timer --merge --failures --comments \
	${TEST_VERBOSE:+--verbose} \
	--exec 'env CMOCKA_MESSAGE_OUTPUT=TAP timeout --kill-after=15 3700' "${files[@]}" </dev/null
