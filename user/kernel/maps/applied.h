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

#define DOCUMENT_MAPS 7 /* maps of one generation */

struct document {
	__u32 ids[DOCUMENT_MAPS];
	struct settings settings;
	struct name_set scopes[TPROXY_MAX_RULES]; /* struct rule.interfaces */
	char *text;                               /* applied configuration, or NULL */
	size_t len;
	size_t packed; /* bytes the document takes in the kernel */
};

/* The ids of an open state's policy maps. */
int document_ids(const struct state *state, __u32 *ret_ids);

/* Of the generation with these maps. -ENOENT: it has none. */
int document_read(const struct state *state, const __u32 *ids, struct document *ret_doc);
/* As document_read, without the text. */
int document_read_scopes(const struct state *state, const __u32 *ids, struct document *ret_doc);

/* For the idle slot, before it goes live; document_settle puts it in its place. */
int document_stage(const struct state *state, const struct document *doc);
/* For the live generation. */
int document_write(const struct state *state, __u32 slot, const struct document *doc);
/* The staged document gets the slot's name if it is of these maps, else it goes. */
int document_settle(const struct state *state, __u32 slot, const __u32 *ids);

int document_take_scopes(struct document *doc, const struct policy *policy);
int document_give_scopes(const struct document *doc, struct policy *policy);

void document_free(struct document *doc);
#define __cleanup_document __attribute__((cleanup(document_free)))

#endif
