# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# A mount and a PID namespace for one script, with an empty bpffs and an empty /run. Whatever the
# script starts, mounts, pins or names is gone when it ends, also after a kill. It cannot see the
# pins of the host.

# sandbox_obstacle — prints why this machine cannot run the script; nothing if it can
sandbox_obstacle() {
	local tool

	if [[ $(id -u) -ne 0 ]]; then
		echo "needs root"
		return
	fi
	for tool in unshare nsenter ip tc nft timeout; do
		if ! command -v "$tool" >/dev/null; then
			echo "$tool is not installed (scripts/deps installs it)"
			return
		fi
	done
	if ! unshare --mount --pid --fork --net true 2>/dev/null; then
		echo "mount, PID and network namespaces are not permitted here"
	elif [[ ! -d /sys/fs/bpf ]]; then
		echo "the kernel has no bpffs"
	elif ! unshare --net ip link add tp0 type veth peer name tp1 2>/dev/null; then
		echo "the kernel has no veth devices"
	fi
}

# sandbox_enter SECONDS ARGS… — starts the calling script again inside, for at most SECONDS.
# Returns only inside.
sandbox_enter() {
	local limit=$(($1 * ${TEST_LIMIT_FACTOR:-1})) # a virtual machine is slow
	local -a guard=(timeout --kill-after=15 "$limit")
	shift

	if [[ -n ${TP_SANDBOX-} ]]; then
		sandbox_init
		return
	fi
	# the shell of DEBUG needs the terminal and has no limit
	[[ -n ${DEBUG-} ]] && guard=()
	TP_SANDBOX=tp$$ exec "${guard[@]}" unshare --mount --propagation private \
		--pid --fork --kill-child --mount-proc bash "$0" "$@"
}

sandbox_init() {
	mount -t tmpfs -o mode=755 tmpfs /run
	WORK=/run/work # logs, configurations, files: in memory, and gone with the sandbox
	mkdir -p /run/netns /run/sshd /run/lock $WORK/log
	mount -t bpf -o mode=700 bpf /sys/fs/bpf
}

# wait_for SECONDS CMD… — repeats CMD until it succeeds; fails after SECONDS
wait_for() {
	local deadline=$((SECONDS + $1 + 1))
	shift

	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || return 1
		sleep 0.05
	done
}

# stop PID [SIGNAL] — ends a process that this script started, and waits for that
stop() {
	kill "-${2:-TERM}" "$1" 2>/dev/null || return 0
	if ! wait_for 10 process_gone "$1"; then
		kill -KILL "$1" 2>/dev/null
	fi
	wait "$1" 2>/dev/null
	return 0
}

# freeze PID — sends SIGSTOP and returns when all threads have stopped
freeze() {
	kill -STOP "$1" && wait_for 10 process_frozen "$1"
}

# no grep -q: it ends early, and the program before it would fail by SIGPIPE
process_frozen() { ! cat "/proc/$1/task/"*/status | grep '^State:' | grep -v 'T (stopped)' >/dev/null; }

process_gone() {
	local state

	state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) || return 0
	[[ -z $state || $state == Z* ]]
}
