#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The bpf tests and the most important net tests pass on Debian's 6.1 and 6.12 kernels.
# KERNELS=all: all tests. No test starts after 180 seconds, of which the bpf tests take some 60, so a
# busy machine runs fewer of them (VM_BUDGET=SECONDS; empty: no limit).
set -eu

case ${KERNELS-} in
0) echo "1..0 # SKIP KERNELS=0" && exit ;;
all)
	export VM_LIMIT=${VM_LIMIT:-7000}
	set -- all
	;;
*) export VM_BUDGET=${VM_BUDGET-180} VM_LIMIT=${VM_LIMIT:-900} ;;
esac
exec "$(dirname "$0")/../../scripts/vmtest" "$@"
