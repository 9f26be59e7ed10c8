/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of rule masks, for the search of rules that no flow reaches. Must not know policies. */
#ifndef TPROXY_POLICY_SHADOW_MASKS_H
#define TPROXY_POLICY_SHADOW_MASKS_H

#include <stddef.h>

#include "tproxy.h"

/* With more, the answer is "it may decide", which is never wrong. */
#define MASKS_MAX 1024

/* The different masks that the values of a dimension have; the values do not matter. */
struct masks {
	tproxy_mask *items; /* owned */
	size_t n, room;
};

/* All of these: 0 or -ENOMEM. */
int masks_append(struct masks *masks, tproxy_mask mask);
void masks_unique(struct masks *masks); /* sorts them, too */
/*
 * Rules before `rule` on the values that it accepts. A value whose rules include those of another
 * value is left out: a flow that gets past it gets past the other one, too.
 */
int masks_before(const struct masks *all, int rule, struct masks *ret_masks);
/* *masks: what each of its masks has in common with each of `more`; too many: nothing. */
int masks_cross(struct masks *masks, const struct masks *more);

#endif
