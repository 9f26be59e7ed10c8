/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs of others that may run before ours on an interface (attach --after), in a pinned map. */
#ifndef TPROXY_KERNEL_HOOK_AFTER_H
#define TPROXY_KERNEL_HOOK_AFTER_H

#include "kernel/state/state.h"

#define AFTER_MAX 16 /* of one interface */

struct after {
	char names[AFTER_MAX][TPROXY_PROG_LEN]; /* of programs, or "id:N" */
	size_t n;
};

/* In memory only. 0, also if it is there already, or -E2BIG. */
int after_append(struct after *after, const char *name);
/* Is the program acknowledged, by its name or by its id? id: 0 if it has none. */
bool after_has(const struct after *after, const char *name, __u32 id);

/* Empty also where the state has no such map. */
void after_read(const struct state *state, __u32 ifindex, struct after *ret_after);
int after_write(const struct state *state, __u32 ifindex, const struct after *after);
void after_forget(const struct state *state, __u32 ifindex);

#endif
