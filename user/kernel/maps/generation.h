/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replaces a whole policy at once: the idle slot (policy_slots.h) is filled with new maps, one
 * write to the config map makes them live, and the pins follow. A packet sees the old policy or
 * the new one. The previous policy stays in the other slot, so that a rollback is one write too
 * and cannot run out of memory.
 */
#ifndef TPROXY_KERNEL_MAPS_GENERATION_H
#define TPROXY_KERNEL_MAPS_GENERATION_H

#include "kernel/maps/bulk.h"
#include "kernel/maps/pools.h"
#include "kernel/state/state.h"
#include "policy/policy.h"

struct generation_plan {
	const struct policy *from, *to;
	const struct pool_table *pools; /* NULL: those that are live */
	const char *text; /* the configuration of `to`; NULL: the one recorded so far */
	bulk_progress progress;
};

/*
 * Two steps, so that the caller can prepare a timed rollback in between. Prepare fills maps that
 * no program uses yet. Publish makes them live; `state` then has the new maps and `next` the old
 * ones. Counters follow the rules by name. On failure the old policy stays live: -ENOMEM, -E2BIG,
 * -ENOSPC (map or bpffs full) or another -errno of the kernel.
 */
int generation_prepare(struct state *state, const struct generation_plan *plan,
		       struct state *ret_next);
int generation_publish(struct state *state, const struct generation_plan *plan, struct state *next);
/* Both. */
int generation_replace(struct state *state, const struct generation_plan *plan);

/* Exchanges the live policy and the previous one. -ENOENT: there is no previous one. */
int generation_rollback(struct state *state);

/* Could this process roll back? -EPERM without the right to open maps by id (CAP_SYS_ADMIN). */
int generation_may_rollback(const struct state *state);

/* The maps of the previous policy, for reading. -ENOENT: there is none. */
int generation_open_idle(const struct state *state, struct state *ret_idle);

/*
 * Completes what an interrupted replacement left undone: pins of the live maps, the record of what
 * was applied. Part of opening a state for writing.
 */
int generation_repair_pins(struct state *state);

#endif
