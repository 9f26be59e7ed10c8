/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/import/flow/span.h"

#include <stdlib.h>
#include <string.h>

#include "lib/util.h"

/* Behind all that the set has. */
static int append(struct span_set *set, struct span span)
{
	int err;

	if (set->n && (__u64)set->items[set->n - 1].last + 1 >= span.first) {
		if (set->items[set->n - 1].last < span.last)
			set->items[set->n - 1].last = span.last;
		return 0;
	}
	err = array_room((void **)&set->items, set->n, &set->room, sizeof(*set->items));
	if (!err)
		set->items[set->n++] = span;
	return err;
}

int span_set_add(struct span_set *set, struct span span)
{
	struct span_set next = { 0 };
	bool added = false;
	int err = 0;

	for (size_t i = 0; i < set->n && !err; i++) {
		if (!added && span.first < set->items[i].first) {
			err = append(&next, span);
			added = true;
		}
		if (!err)
			err = append(&next, set->items[i]);
	}
	if (!err && !added)
		err = append(&next, span);
	if (err) {
		free(next.items);
		return err;
	}
	free(set->items);
	*set = next;
	return 0;
}

int span_set_and(const struct span_set *a, const struct span_set *b, struct span_set *ret_set)
{
	size_t i = 0, j = 0;
	int err = 0;

	while (i < a->n && j < b->n && !err) {
		struct span x = a->items[i], y = b->items[j];
		struct span both = { x.first > y.first ? x.first : y.first,
				     x.last < y.last ? x.last : y.last };

		if (both.first <= both.last)
			err = append(ret_set, both);
		if (x.last < y.last)
			i++;
		else
			j++;
	}
	return err;
}

int span_set_not(const struct span_set *set, __u32 max, struct span_set *ret_set)
{
	__u64 next = 0;
	int err = 0;

	for (size_t i = 0; i < set->n && !err; i++) {
		if (set->items[i].first > next)
			err = append(ret_set,
				     (struct span){ (__u32)next, set->items[i].first - 1 });
		next = (__u64)set->items[i].last + 1;
	}
	if (!err && next <= max)
		err = append(ret_set, (struct span){ (__u32)next, max });
	return err;
}

bool span_set_equal(const struct span_set *a, const struct span_set *b)
{
	return a->n == b->n && (!a->n || !memcmp(a->items, b->items, a->n * sizeof(*a->items)));
}

bool span_set_is_all(const struct span_set *set, __u32 max)
{
	return set->n == 1 && !set->items[0].first && set->items[0].last >= max;
}
