# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# A private world for one script: its own mount and PID namespace, with a fresh
# bpffs and a fresh /run. Whatever the script starts, mounts, pins or names is
# gone when it ends, however it ends. The host's pins are neither seen nor touched.

# Says why this machine cannot run the script; prints nothing when it can.
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

# sandbox_enter SECONDS ARGS… — runs the calling script again inside, at most SECONDS long.
# Returns only inside.
sandbox_enter() {
	local limit=$(($1 * ${TEST_LIMIT_FACTOR:-1})) # a virtual machine is slow
	local -a guard=(timeout --kill-after=15 "$limit")
	shift

	if [[ -n ${TP_SANDBOX-} ]]; then
		sandbox_init
		return
	fi
	# a shell in the topology needs the terminal, and time
	[[ -n ${DEBUG-} ]] && guard=()
	TP_SANDBOX=tp$$ exec "${guard[@]}" unshare --mount --propagation private \
		--pid --fork --kill-child --mount-proc bash "$0" "$@"
}

sandbox_init() {
	mount -t tmpfs -o mode=755 tmpfs /run
	WORK=/run/work # logs, configurations, files: in memory, gone with the sandbox
	mkdir -p /run/netns /run/sshd /run/lock $WORK/log
	mount -t bpf -o mode=700 bpf /sys/fs/bpf
}

# wait_for SECONDS CMD… — polls until CMD succeeds; fails after SECONDS.
wait_for() {
	local deadline=$((SECONDS + $1 + 1))
	shift

	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || return 1
		sleep 0.05
	done
}

# stop PID [SIGNAL] — signals a process this script started and waits for its end.
stop() {
	kill "-${2:-TERM}" "$1" 2>/dev/null || return 0
	if ! wait_for 10 process_gone "$1"; then
		kill -KILL "$1" 2>/dev/null
	fi
	wait "$1" 2>/dev/null
	return 0
}

# freeze PID — stops a process, and returns when none of its threads runs any more
freeze() {
	kill -STOP "$1" && wait_for 10 process_frozen "$1"
}

process_frozen() { ! cat "/proc/$1/task/"*/status | grep '^State:' | grep -qv 'T (stopped)'; }

process_gone() {
	local state

	state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) || return 0
	[[ -z $state || $state == Z* ]]
}
