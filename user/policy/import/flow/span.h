/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of numbers as ranges: ports, users, groups. Sorted, disjoint, never adjacent. */
#ifndef TPROXY_POLICY_IMPORT_FLOW_SPAN_H
#define TPROXY_POLICY_IMPORT_FLOW_SPAN_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

struct span {
	__u32 first, last;
};

struct span_set {
	struct span *items; /* owned */
	size_t n, room;
};

/* All of these: 0 or -ENOMEM. ret_set is an empty set before. */
int span_set_add(struct span_set *set, struct span span);
int span_set_and(const struct span_set *a, const struct span_set *b, struct span_set *ret_set);
int span_set_not(const struct span_set *set, __u32 max, struct span_set *ret_set);

bool span_set_equal(const struct span_set *a, const struct span_set *b);
/* Everything from 0 to max. */
bool span_set_is_all(const struct span_set *set, __u32 max);

#endif
