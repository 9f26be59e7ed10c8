# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# cgroups of a test: they are the host's, not those of the sandbox, and would stay. Needs test.sh.

CGROUPS=$WORK/cgroup # where cgroup2 is mounted

# cgroups_remove DIRECTORY… — moves the processes out and removes them, in this order
cgroups_remove() {
	local cgroup pid pids

	for cgroup; do
		[[ -d $cgroup ]] || continue
		# all at once: the list changes while it is read
		mapfile -t pids <"$cgroup/cgroup.procs"
		for pid in "${pids[@]}"; do
			[[ $pid == 0 ]] || echo "$pid" >"$CGROUPS/cgroup.procs"
		done 2>/dev/null
		wait_for 5 rmdir "$cgroup"
	done
}
