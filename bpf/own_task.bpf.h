/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The process that calls a hook, and those that started it, as entries of own_tasks. Knows no rules.
 *
 * The kernel's own structures, so the programs need its BTF. Of each only the members that are read,
 * in any order: libbpf puts the offsets of the running kernel in.
 */
#ifndef TPROXY_OWN_TASK_BPF_H
#define TPROXY_OWN_TASK_BPF_H

#include <bpf/bpf_core_read.h>

#include "own_maps.bpf.h"
#include "tproxy_own.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct ns_common {
	unsigned int inum;
};

struct pid_namespace {
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct task_struct {
	int tgid;
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct pid *thread_pid;
	__u64 start_boottime;
};
#pragma clang attribute pop

#define PIDNS_LEVELS 32           /* MAX_PID_NS_LEVEL */
#define PIDNS_INIT_INO 0xEFFFFFFC /* PROC_PID_INIT_INO */
/*
 * The loader sets it if the kernel is locked down so that no program may read its memory: then
 * processes of other PID namespaces than the first one are not told apart.
 */
const volatile bool first_pidns_only = false;

#define NS_PER_TICK (1000000000ULL / TPROXY_OWN_TICKS)

/*
 * Its number as it sees it itself: a proxy in a container knows no other. The array of numbers has a
 * length that only its level tells, which no direct access may use before Linux 6.6.
 */
static __always_inline bool task_key(struct task_struct *leader, struct tproxy_own_task *key)
{
	struct pid *pid = leader->thread_pid;
	struct upid number = {};
	__u32 level, offset;

	if (!pid)
		return false;
	level = pid->level;
	key->pid = (__u32)leader->tgid;
	key->pidns = PIDNS_INIT_INO;
	if (!level || level > PIDNS_LEVELS || first_pidns_only)
		return !level;
	offset = bpf_core_field_offset(struct pid, numbers) +
		 level * bpf_core_type_size(struct upid);
	if (bpf_probe_read_kernel(&number, sizeof(number), (void *)pid + offset) || !number.ns)
		return false;
	key->pid = (__u32)number.nr;
	return !bpf_core_read(&key->pidns, sizeof(key->pidns), &number.ns->ns.inum);
}

/* The number may have been used again since the entry was made; the time of the start tells. */
static __always_inline bool task_is_noted(struct task_struct *leader)
{
	struct tproxy_own_task key = {};
	const __u64 *start;

	if (!task_key(leader, &key))
		return false;
	start = bpf_map_lookup_elem(&own_tasks, &key);
	return start && *start == leader->start_boottime / NS_PER_TICK;
}

/*
 * The processes that a proxy starts belong to it, be they workers or what it runs for a connection: a
 * loop is worse than a flow that is not proxied. User space notes no process that starts other
 * services, such as init. A global function: the verifier walks the loop once.
 */
__noinline int is_noted_task(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	for (int i = 0; i < TPROXY_OWN_ANCESTORS; i++) {
		struct task_struct *leader = task->group_leader;

		if (!leader)
			return 0;
		if (task_is_noted(leader))
			return 1;
		task = leader->real_parent;
		if (!task)
			return 0;
	}
	return 0;
}

#endif
