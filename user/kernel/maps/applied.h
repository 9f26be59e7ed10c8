/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was applied and does not fit in the policy maps, pinned beside them: the interfaces that
 * rules are limited to (a device that comes later must get its rules), the names of owners, the
 * text of the configuration, which shows edits by hand, and the settings of a policy that is not
 * live.
 *
 * Each generation has a record of its own, which names the generation's maps by their ids. So an
 * interrupted replacement never gives a policy the record of another one.
 */
#ifndef TPROXY_KERNEL_MAPS_APPLIED_H
#define TPROXY_KERNEL_MAPS_APPLIED_H

#include "kernel/maps/owner_names.h"
#include "kernel/maps/settings.h"
#include "kernel/state/state.h"
#include "policy/policy.h"

#define APPLIED_MAPS 7 /* maps of one generation */

struct applied {
	struct settings settings;
	struct name_set scopes[TPROXY_MAX_RULES]; /* struct rule.interfaces */
	struct owner_names owners;
	char *text; /* applied configuration, or NULL */
	size_t len;
	size_t packed; /* bytes that the record takes in the kernel */
};

/* The ids of a state's policy maps; each generation has other ones. */
int applied_ids(const struct state *state, __u32 *ret_ids);

/* The record of a state's policy maps. -ENOENT: they have none. */
int applied_read(const struct state *state, struct applied *ret_applied);
/* As applied_read, without the text: scopes and the names of owners. */
int applied_read_scopes(const struct state *state, struct applied *ret_applied);

/* For the maps of `next`, before they go live; applied_settle puts it in its place. */
int applied_stage(const struct state *state, const struct state *next,
		  const struct applied *applied);
/* For the live generation. */
int applied_write(const struct state *state, const struct applied *applied);
/* For the generation in a slot, whose maps `state` has. */
int applied_write_slot(const struct state *state, __u32 slot, const struct applied *applied);
/* Gives the staged record its final name if it describes the live maps, else removes it. */
int applied_settle(const struct state *state);

/* Scopes and the names of owners. Those of owners that a rule does not have are left out. */
int applied_take_scopes(struct applied *applied, const struct policy *policy);
int applied_give_scopes(const struct applied *applied, struct policy *policy);
int applied_take_text(struct applied *applied, const char *text);

void applied_free(struct applied *applied);
#define __cleanup_applied __attribute__((cleanup(applied_free)))

#endif
