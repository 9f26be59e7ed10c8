#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The bpf tests and a core of the net tests pass on Debian's 6.1 and 6.12 kernels.
exec "$(dirname "$0")/../../scripts/vmtest" "$@"
