#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Measures flows that an audit rule forwards beside plain forwarding, interleaved, and judges nothing.
# "other" are flows of no rule while another rule audits; "plain" is a router without us. Writes
# build/bench-audit.json and a table. PAIRS, SECONDS_EACH and TESTS (bulk1 bulk4 crr rr) may be given.

# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"
bench_enter "${BENCH_LIMIT:-1800}" "$@"
# shellcheck source=tests/bench/network.sh
. tests/bench/network.sh

network_up 7100 7101
loader -q attach r0
loader -q rule add watch --action audit --ports 7101
relay_start
echo "$LOADER -q --pin-dir $PINS detach r0" >"$WORK/plain.on"
echo "$LOADER -q --pin-dir $PINS attach r0" >"$WORK/plain.off"
measure build/bench-audit.json "${PAIRS:-9}" "${TESTS:-bulk1 bulk4 crr rr}" \
	"audit,$SERVER4,7101" "plain,$SERVER4,7100" "other,$SERVER4,7100"
