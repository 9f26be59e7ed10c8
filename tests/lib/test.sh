# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Every test script sources this file first. It starts the script again in a sandbox with a time
# limit (TEST_LIMIT seconds, 300 if unset) and prepares $WORK. At the end it prints all logs if a check failed,
# stops what was started and removes what was made.

set -u -o pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/lib/tap.sh
. "$TOP/tests/lib/tap.sh"
# shellcheck source=tests/lib/sandbox.sh
. "$TOP/tests/lib/sandbox.sh"

if [[ -z ${TP_SANDBOX-} ]]; then
	obstacle=$(sandbox_obstacle)
	[[ -z $obstacle ]] || skip_all "$obstacle"
fi
sandbox_enter "${TEST_LIMIT:-300}" "$@"

# shellcheck source=tests/lib/topo.sh
. "$TOP/tests/lib/topo.sh"
# shellcheck source=tests/lib/serve.sh
. "$TOP/tests/lib/serve.sh"
# shellcheck source=tests/lib/tproxy.sh
. "$TOP/tests/lib/tproxy.sh"

TEST_DONE=

test_exit() {
	local rc=$? log

	trap - EXIT
	if [[ -z $TEST_DONE ]]; then
		tap_result 1 "the script runs to its end (status $rc)"
	fi
	tap_plan
	if [[ $TAP_FAILED -gt 0 ]]; then
		for log in "$WORK"/log/*; do
			[[ -s $log ]] || continue
			echo "# ===== ${log##*/}"
			tap_comment <"$log"
		done
	fi
	serve_stop_all
	topo_down
	exit $((TAP_FAILED > 0))
}
trap test_exit EXIT
trap 'echo "# time limit or interrupt"; exit 1' TERM INT HUP

# skip_inside REASON — as skip_all, but from inside the sandbox: the exit handler prints no plan
skip_inside() {
	trap - EXIT
	skip_all "$1"
}

# fatal MESSAGE — the preparation failed, so the script ends here
fatal() {
	tap_result 1 "$1"
	TEST_DONE=1
	exit 1
}

# finish — the last line of every test
finish() {
	TEST_DONE=1
	exit 0
}

# prepare [nginx|sshd|dns|echo]… — builds the network and starts servers; DEBUG=1 opens a shell in it
prepare() {
	local server

	topo_up >"$WORK/log/topology" 2>&1 || fatal "the topology comes up"
	for server in "$@"; do
		"serve_$server" || fatal "$server starts"
	done
	if [[ -n ${DEBUG-} ]]; then
		echo "# namespaces: $CLIENT $ROUTER $SERVER; functions c, r, s, loader; logs in $WORK/log"
		echo "# leave the shell to continue the test"
		debug_shell </dev/tty >/dev/tty 2>&1
	fi
}

debug_shell() {
	export -f c r s loader cpy corner packets bypassed snapshot snapshot_quick
	export CLIENT ROUTER SERVER WORK TOP LIB PINS
	bash --norc -i
}
