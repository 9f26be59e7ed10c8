/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the policy maps have no room for, pinned beside them: the interfaces that
 * rules are limited to (a device that comes later must get its rules), and the
 * configuration that was applied, to tell edits by hand from it, and the settings of a
 * policy that is not live.
 *
 * Each generation has a document of its own, which names its maps by their ids: an
 * interrupted replacement never gives a policy the document of another one.
 */
#ifndef TPROXY_KERNEL_MAPS_APPLIED_H
#define TPROXY_KERNEL_MAPS_APPLIED_H

#include "policy/policy.h"
#include "kernel/maps/settings.h"
#include "kernel/state/state.h"

#define APPLIED_MAPS 7 /* maps of one generation */

struct applied {
	__u32 ids[APPLIED_MAPS];
	struct settings settings;
	struct name_set scopes[TPROXY_MAX_RULES]; /* struct rule.interfaces */
	char *text;                               /* applied configuration, or NULL */
	size_t len;
	size_t packed; /* bytes the document takes in the kernel */
};

/* The ids of an open state's policy maps. */
int applied_ids(const struct state *state, __u32 *ret_ids);

/* Of the generation with these maps. -ENOENT: it has none. */
int applied_read(const struct state *state, const __u32 *ids, struct applied *ret_doc);
/* As applied_read, without the text. */
int applied_read_scopes(const struct state *state, const __u32 *ids, struct applied *ret_doc);

/* For the idle slot, before it goes live; applied_settle puts it in its place. */
int applied_stage(const struct state *state, const struct applied *doc);
/* For the live generation. */
int applied_write(const struct state *state, __u32 slot, const struct applied *doc);
/* The staged document gets the slot's name if it is of these maps, else it goes. */
int applied_settle(const struct state *state, __u32 slot, const __u32 *ids);

int applied_take_scopes(struct applied *doc, const struct policy *policy);
int applied_give_scopes(const struct applied *doc, struct policy *policy);

void applied_free(struct applied *doc);
#define __cleanup_document __attribute__((cleanup(applied_free)))

#endif
