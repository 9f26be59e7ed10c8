/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes as the map own_tasks names them, so that the programs for own traffic leave them alone.
 * Must not know which processes are proxies.
 */
#ifndef TPROXY_LIB_OWN_TASK_H
#define TPROXY_LIB_OWN_TASK_H

#include <sys/types.h>

#include "tproxy_own.h"

struct own_task {
	struct tproxy_own_task key;
	__u64 start; /* as in the map */
};

/*
 * Reads what /proc says. 0, -ESRCH: there is no such process (any more), or -errno. Of processes of
 * other users this takes the right to trace them. The clock of a time namespace is accounted for.
 */
int own_task_read(pid_t pid, struct own_task *ret_task);

/* The process that started it, or who has inherited it. 0: not known. */
pid_t own_task_parent(pid_t pid);

/* 0 or -errno; -E2BIG: the map is full. */
int own_task_enter(int map, const struct own_task *task);

/* The pinned map, if it is one of our kind: a descriptor or -errno; -EMEDIUMTYPE: it is not. */
int own_task_map(const char *path);

#endif
