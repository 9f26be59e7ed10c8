#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# System calls of the relay fail under load, one kind after the other. It loses at most the flows
# concerned, and no descriptor and no byte of others. It never spins, and serves again by itself.
# FULL=1 tries every error on every call.
TEST_LIMIT=${FULL:+900}
TEST_LIMIT=${TEST_LIMIT:-300}
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/strace.sh
. "$TOP/tests/lib/strace.sh"

LOAD=$TOP/build/tests/helpers/load
command -v strace >/dev/null || skip_inside "strace is not installed"
[[ -x $LOAD ]] || skip_inside "$LOAD is not built (make tests)"

prepare peer
serve_run load "$SERVER" "$LOAD" server 7008
wait_for 10 listening "$SERVER" tcp 7008 || fatal "the load's server starts"
ok "the relay starts" relay_start --connect-timeout 3 --no-seccomp
do_ok "attach" loader attach r0 --ports 7007,7008
bypass_reset

# whole_tried BYTES — flows are whole, time and again, until the fault has met one
whole_tried() {
	local i

	for ((i = 0; i < 50; i++)); do
		whole "$1" || return
		! grep -q INJECTED "$WORK/strace" || return 0
	done
	return 1
}

# a load of small and bulk flows; how they fare does not matter
load() {
	c "$LOAD" crr $SERVER4 7008 0.3 8 >/dev/null 2>&1 &
	c timeout 5 "$LOAD" bulk $SERVER4 7008 0.3 2 >/dev/null 2>&1
	wait $!
}

fault() { # CALL ERRNO
	local before

	inject "$1" "$2" 2+3 load
	ok "$1 $2: it was tried" grep -q "= -1 $2 .*INJECTED" "$WORK/strace"
	ok "the relay serves again" wait_for 10 whole 400000
	ok "no descriptor is lost" wait_for 15 relay_fds_at_most "$base"
	before=$(relay_ticks)
	# the only way to see that nothing happens
	sleep 0.5
	at_most "it does not spin (ticks of 10 ms in half a second)" "$(($(relay_ticks) - before))" 5
}

# Without pipes, or with small ones only, bulk is copied. No pipe is in the pool yet.
ok "flows go through the relay" wait_for 10 whole 1000
for pair in pipe2:EMFILE fcntl:EPERM; do
	ok "$pair always: bulk is whole" inject "${pair%:*}" "${pair#*:}" 1+ whole_tried 20000000
done
ok "with pipes as well" whole 20000000
load
wait_for 5 whole 400000
# pipes stay in their pool
base=$(($(relay_fds) + 8))

sample=(accept4:EMFILE accept4:ENFILE accept4:ENOBUFS accept4:ECONNABORTED accept4:EPERM socket:EMFILE
	connect:ENOBUFS epoll_ctl:ENOMEM splice:ENOMEM recvfrom:ENOMEM sendto:ENOBUFS)
if [[ -n ${FULL-} ]]; then
	sample=()
	for call in accept4 socket connect getsockname getsockopt setsockopt epoll_ctl \
		splice recvfrom sendto shutdown; do
		for errno in EMFILE ENFILE ENOBUFS ENOMEM EINTR ECONNABORTED; do
			sample+=("$call:$errno")
		done
	done
fi
for pair in "${sample[@]}"; do
	fault "${pair%:*}" "${pair#*:}"
done

# No descriptor for as long as it takes: clients wait, the relay too.
exhausted() {
	local before

	cpy probe "$SERVER4" 7007 2 >"$WORK/waiting" &
	before=$(relay_ticks)
	sleep 2
	at_most "accept4 EMFILE, always: below 5 % of a CPU (ticks of 10 ms in 2 s)" \
		"$(($(relay_ticks) - before))" 10
	wait $!
}
inject accept4 EMFILE 1+ exhausted
ok "it was tried" grep -q INJECTED "$WORK/strace"
at_most "and not over and over again" "$(grep -c INJECTED "$WORK/strace")" 60
ok "the relay serves again" wait_for 10 whole 400000

# An interrupted call is made again: nobody notices.
for call in epoll_wait recvfrom sendto splice; do
	ok "$call EINTR, every other time: flows are whole" inject $call EINTR 1+2 whole_tried 4000000
done
bypass_none "no packet went past the relay"
ok "the relay runs" kill -0 "$RELAY_PID"
relay_stop
ok "it ends as it should" relay_says "info ended: "
finish
