/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs of others that may run before ours on an interface: kept in a pinned map. */
#ifndef TPROXY_KERNEL_HOOK_AFTER_H
#define TPROXY_KERNEL_HOOK_AFTER_H

#include "kernel/state/state.h"

#define AFTER_MAX 16 /* of one interface */

struct after {
	char names[AFTER_MAX][TPROXY_PROG_LEN]; /* of programs, or "id:N" */
	size_t n;
};

/* Also into a list alone: 0, or -E2BIG. What is there already is not added. */
int after_append(struct after *after, const char *name);
/* id: 0, or that of the program. */
bool after_has(const struct after *after, const char *name, __u32 id);

/* Empty where the maps are too old to have any. */
void after_read(const struct state *state, __u32 ifindex, struct after *ret_after);
int after_write(const struct state *state, __u32 ifindex, const struct after *after);
void after_forget(const struct state *state, __u32 ifindex);

#endif
