/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whom the programs for own traffic leave alone, and for whom all rules are meant: the pinned maps
 * own_excluded and own_included (cgroups) and own_tasks (processes). Must not know why.
 */
#ifndef TPROXY_KERNEL_OWN_EXCLUDE_H
#define TPROXY_KERNEL_OWN_EXCLUDE_H

#include <stdbool.h>

#include "kernel/state/state.h"
#include "lib/own_task.h"

struct own_exclusion {
	int tasks, excluded, included; /* descriptors of the maps */
};

#define OWN_EXCLUSION_CLOSED                                                                       \
	(struct own_exclusion)                                                                     \
	{                                                                                          \
		.tasks = -1, .excluded = -1, .included = -1                                        \
	}

/* -ENOENT: own traffic is not attached; -EMEDIUMTYPE: a pin is of another kind; close it anyway. */
int own_exclusion_open(const struct state *state, struct own_exclusion *x);
void own_exclusion_close(struct own_exclusion *x);
#define __cleanup_exclusion __attribute__((cleanup(own_exclusion_close)))

/* ---- processes ---------------------------------------------------------- */

/* 0, -ESRCH: it is gone, -E2BIG: the map is full even without the dead, or -errno. */
int own_exclude_task(const struct own_exclusion *x, pid_t pid);
int own_forget_task(const struct own_exclusion *x, const struct tproxy_own_task *task);
bool own_task_is_excluded(const struct own_exclusion *x, const struct own_task *task);

/*
 * Removes the processes that have ended, as far as this can be seen from here: those of other PID
 * namespaces only from the first one. 0 or -errno; *ret_n: how many.
 */
int own_forget_dead(const struct own_exclusion *x, unsigned int *ret_n);

/* Calls fn for each; it may remove that one. Stops when fn returns other than 0, and returns it. */
typedef int own_task_fn(const struct own_task *task, void *arg);
int own_tasks_each(const struct own_exclusion *x, own_task_fn *fn, void *arg);

/* ---- cgroups ------------------------------------------------------------ */

/* map: x->excluded or x->included. Ids, see lib/cgroup2.h. 0 or -errno; -E2BIG: the map is full. */
int own_cgroup_enter(int map, __u64 id);
int own_cgroup_remove(int map, __u64 id);
bool own_cgroup_is_in(int map, __u64 id);

typedef int own_cgroup_fn(__u64 id, void *arg);
int own_cgroups_each(int map, own_cgroup_fn *fn, void *arg);

#endif
