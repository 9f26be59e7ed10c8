/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What programs of ABI 1 remember of flows without pinning it: the flows that a proxy here has
 * (map `began` and variable `began_tags`), and whether SYN cookies were sent. Gives it to the
 * programs that replace them.
 */
#ifndef TPROXY_KERNEL_MIGRATE_MIGRATE_FLOWS_H
#define TPROXY_KERNEL_MIGRATE_MIGRATE_FLOWS_H

#include "kernel/state/state.h"

struct bpf_object;

struct migrate_flows {
	int vars;      /* the old programs' variables; -1: not open */
	__u32 tags_at; /* where `began_tags` is in them */
	__u16 *tags;   /* as they were when they were copied; owned */
};
#define MIGRATE_FLOWS_NONE                                                                         \
	(struct migrate_flows)                                                                     \
	{                                                                                          \
		.vars = -1                                                                         \
	}

/*
 * Before the object is loaded. 0 or -errno: these flows are then forgotten. It takes the right to
 * open maps by id (CAP_SYS_ADMIN).
 */
int migrate_flows_take(struct migrate_flows *f, const struct state *old, struct bpf_object *obj);
/* What the old programs noted since; no packet meets them any more. */
void migrate_flows_take_late(const struct migrate_flows *f, const struct state *next);
void migrate_flows_free(struct migrate_flows *f);

#endif
