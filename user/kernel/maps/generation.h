/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replacing a whole policy at once: the idle slot of the *_gen maps is filled with
 * new inner maps, one write to the config map makes it live, the pins follow. A
 * packet sees the old policy or the new one. The policy before it stays in the other
 * slot, so that the way back is one write too and cannot run out of memory.
 */
#ifndef TPROXY_KERNEL_MAPS_GENERATION_H
#define TPROXY_KERNEL_MAPS_GENERATION_H

#include "kernel/maps/bulk.h"
#include "policy/policy.h"
#include "kernel/maps/pools.h"
#include "kernel/state/state.h"

struct generation_plan {
	const struct policy *from, *to;
	const struct pool_table *pools; /* NULL: as they are */
	const char *text; /* the configuration that `to` comes from; NULL: as it is remembered */
	bulk_progress progress;
};

/*
 * Two steps, so that a caller can arm a way back in between. Prepare fills maps that
 * nothing looks at yet; publish makes them live and state->map its maps, and ret_next
 * the old ones. Counters follow the rules by name. On failure the old policy stays
 * live: -ENOMEM, -E2BIG, -ENOSPC (map or bpffs full) or what the kernel said.
 */
int generation_prepare(struct state *state, const struct generation_plan *plan,
		       struct state *ret_next);
int generation_publish(struct state *state, const struct generation_plan *plan, struct state *next);
/* Both. */
int generation_replace(struct state *state, const struct generation_plan *plan);

/*
 * Makes the policy before the last replacement the live one, and the live one the
 * one before. -ENOENT: there is none.
 */
int generation_rollback(struct state *state);

/* Could this process go back? -EPERM without the right to open maps by id (CAP_SYS_ADMIN). */
int generation_may_rollback(const struct state *state);

/* The maps of a slot, opened by their ids; -ENOENT: it is empty. */
int generation_open_slot(const struct state *state, __u32 slot, struct state *ret_maps);

/* An empty map like the one behind fd, field names for bpftool included. Descriptor or -errno. */
int generation_empty_map(int fd, const char *name);

/* The maps of the idle slot, for reading; -ENOENT: there is no whole policy in it. */
int generation_open_idle(const struct state *state, struct state *ret_idle);

/*
 * For readers, who hold no lock: the maps of one generation, although the pins may just
 * be moving or were left behind. Without the right to open maps by id, the pinned ones.
 */
int generation_follow(struct state *state);

/*
 * Points pins that were left behind by an interrupted replacement at the live maps.
 * Part of opening a state for writing.
 */
int generation_repair_pins(struct state *state);

#endif
