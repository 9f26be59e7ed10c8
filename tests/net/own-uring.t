#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Own traffic of applications that connect and send by io_uring, also from a thread of the kernel.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

URING=$TOP/build/tests/helpers/uring
[[ -x $URING ]] || fatal "tests/helpers/uring is built (make tests)"

prepare
own_up --ports $PORT,udp/$PORT --to 10.77.2.0/24,fd77:2::/64
app "$URING" udp $SERVER4 $OTHER >/dev/null 2>&1
[[ $? -ne 77 ]] || skip_inside "the kernel has no io_uring, or forbids it"
own_reset

for poll in "" poll; do
	for proto in tcp udp; do
		# shellcheck disable=SC2086
		is "$proto $poll, IPv4" "$(app "$URING" $proto $SERVER4 $PORT $poll)" "$(through $SERVER4 $PORT)"
		# shellcheck disable=SC2086
		is "$proto $poll, IPv6" "$(app "$URING" $proto $SERVER6 $PORT $poll)" "$(through $SERVER6 $PORT)"
	done
done
none_direct "none of it reaches the server"
is "another port is direct" "$(app "$URING" udp $SERVER4 $OTHER poll)" "$(around)"

# the thread has the user and the cgroup of the application
own owner uid any 0xfffffffffffffffe
own owner cgroup any 0xfffffffffffffffe
own owner uid 0 0xffffffffffffffff
own owner cgroup "$(r "$OWN" id "$CGROUP/app")" 0xffffffffffffffff
is "by user and cgroup: tcp" "$(app "$URING" tcp $SERVER4 $PORT poll)" "$(through $SERVER4 $PORT)"
is "by user and cgroup: udp" "$(app "$URING" udp $SERVER6 $PORT poll)" "$(through $SERVER6 $PORT)"
own_down
finish
