#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# First program of the guest after tests/vm/init: runs the tests in $TESTS, or the most important
# ones, starts none after $BUDGET seconds, and writes one TAP line for each to the second serial
# port. It is process 1, never returns, and powers the machine off: do not run it elsewhere.

set -u -o pipefail
[[ $$ -eq 1 ]] || exit 2
cd "$(dirname "$0")/../.." || exit

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LC_ALL=C.UTF-8 CMOCKA_MESSAGE_OUTPUT=TAP
# the processor is emulated: ten to twenty times slower. So test_mutate makes one round of 20, which is
# one check; with fewer than a million packets it does not check that they reached every way out. No
# JSON is compared with its schema: that does not depend on the kernel, and takes seconds each time.
export TEST_LIMIT=600 TEST_LIMIT_FACTOR=5 CYCLES=10 SWAPS=4 TPROXY_MUTATE_COUNT=50000 CROWD_RATE=auto
export SCHEMAS=0
PORT=/dev/ttyS1
LOG=/tmp/vm-log

# What differs between kernels: loading, attaching, steering, routing, clean-up. The time is limited,
# so the most useful tests come first. Add with care: a second outside takes ten in here.
CORE=(build/tests/bpf/ net/on-down. net/vrf. net/vrf-relay. net/source-client-ip. net/dns. net/devices-l2.
	net/detach-all. net/foreign. net/flowtable. net/tcp-http. net/unreachable. net/map-edit.
	net/udp-sizes. net/doctor-ids-devices. net/start-order. net/keep-flows. net/devices-tunnel.
	net/trace-drops. net/own-flows. net/own-sockets. net/own-choice.)
# takes a minute, and fills a table in the same way on every kernel
NOT_CORE=test_audit_full
# A namespace gets settings when one of these modules is loaded, which a comparison of snapshots
# would show; and nothing else makes the device file of tun. All other modules load by themselves.
MODULES=(nf_conntrack nf_tables tun)

mount_all() {
	mkdir -p /dev/pts /dev/shm /run/lock
	mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
	mount -t tmpfs tmpfs /dev/shm
	mount -t bpf bpf /sys/fs/bpf
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	mount -t tracefs tracefs /sys/kernel/tracing
	ln -sf /proc/self/fd /dev/fd
	ln -sf /proc/self/fd/0 /dev/stdin
	ln -sf /proc/self/fd/1 /dev/stdout
	ln -sf /proc/self/fd/2 /dev/stderr
	chmod 1777 /tmp /dev/shm
	ip link set lo up
	modprobe -a "${MODULES[@]}"
	hostname guest
}

# selected PART… — test files with one of these in their path, in this order
selected() {
	local file part

	for part in "$@"; do
		for file in build/tests/bpf/* tests/net/*.t tests/life/*.t; do
			[[ -f $file && -x $file && ($file == *.t || $file != *.*) ]] || continue
			[[ $part != all && $file != *"$part"* ]] || echo "$file"
		done
	done | awk '!seen[$0]++'
}

# wanted — copies the names of test files, without those that only a run of chosen tests has
wanted() {
	if [[ -n $TESTS ]]; then cat; else grep -vF "$NOT_CORE"; fi
}

run() { # FILE
	local rc=0 start=$SECONDS name=${1#tests/} took reason checks
	name=${name%.t}

	echo "# start $name"
	timeout --kill-after=30 1200 "$1" >"$LOG" 2>&1 </dev/null || rc=$?
	took=$((SECONDS - start))
	checks=$(grep -Ec '^[[:space:]]*ok ' "$LOG")
	reason=$(sed -n 's/^1\.\.0 # SKIP *//p' "$LOG")
	if [[ $rc -eq 77 || -n $reason ]]; then
		echo "ok - $name # SKIP ${reason:-$(tail -n 1 "$LOG")}"
	elif [[ $rc -eq 0 ]] && ! grep -q '^not ok' "$LOG"; then
		echo "ok - $name ($checks checks, $took s)"
	else
		echo "not ok - $name ($checks checks passed, exit $rc, $took s)"
		# without the lines that a server logs for each request
		grep -v '^# .*HTTP/1\..\" 200$' "$LOG" | head -n 300 | sed 's/^/# /'
	fi
	# numbers of the verifier of this kernel, and measurements
	sed -En '/instructions|^# measured/s/^#* */# '"${RELEASE%%-*}"': /p' "$LOG"
}

run_all() {
	local file files parts=("${CORE[@]}")

	echo "# $(uname -r)"
	[[ -z $TESTS ]] || read -ra parts <<<"$TESTS"
	mapfile -t files < <(selected "${parts[@]}" | wanted)
	if [[ ${#files[@]} -eq 0 ]]; then
		echo "not ok - no test matches: $TESTS"
	fi
	for file in "${files[@]}"; do
		if [[ -n $BUDGET && $SECONDS -ge $BUDGET ]]; then
			file=${file#tests/}
			echo "ok - ${file%.t} # SKIP the $BUDGET s for each kernel are used up"
			continue
		fi
		run "$file"
	done
	echo "# end"
}

mount_all
stty -F $PORT raw -echo
if [[ -n $SHELL_WANTED ]]; then
	stty -F $PORT sane
	setsid -c bash --norc -i <>$PORT >&0 2>&0
else
	run_all >$PORT 2>&1 </dev/null
	stty -F $PORT -a >/dev/null # waits until all is written
fi
sync
exec busybox reboot -f
