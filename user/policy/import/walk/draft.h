/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules that the walk found, in their order, and how lists of them become shorter or one list.
 * Pure: knows rules of ours, no chains.
 */
#ifndef TPROXY_POLICY_IMPORT_WALK_DRAFT_H
#define TPROXY_POLICY_IMPORT_WALK_DRAFT_H

#include "policy/import/flow/flows.h"
#include "policy/policy.h"

#define DRAFTS_MAX 512

struct draft {
	struct rule rule; /* owned; its name is a comment, or empty */
	int line;         /* of the ruleset */
};

struct drafts {
	struct draft *items; /* owned */
	size_t n, room;
};

/* Why nothing was added. */
enum { DRAFT_ADDED, DRAFT_EMPTY, DRAFT_DECIDED };

/*
 * Adds what is decided about these flows. DRAFT_EMPTY: none of them is ever intercepted.
 * DRAFT_DECIDED: an earlier rule decides about all of them. -ENOSPC: there are too many rules.
 */
int drafts_add(struct drafts *drafts, const struct flows *flows, const struct draft *like);
/*
 * Drops those at the end that let pass what passes anyway, and joins neighbours that differ in one
 * list only. 0 or -ENOMEM.
 */
int drafts_shorten(struct drafts *drafts);
/*
 * Moves two lists that share no flow into one; pairs become one rule where the order of both allows
 * it. 0 or -ENOMEM.
 */
int drafts_join_families(struct drafts *a, struct drafts *b, struct drafts *ret_both);
int drafts_join_own(struct drafts *routed, struct drafts *own, struct drafts *ret_both);

void drafts_free(struct drafts *drafts);
#define __cleanup_drafts __attribute__((cleanup(drafts_free)))

#endif
