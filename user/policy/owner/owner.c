/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of owners. */
#include "policy/owner/owner.h"

#include <stdlib.h>
#include <string.h>

#include "lib/util.h"

const char *const owner_kind_names[TPROXY_OWNER_KIND_MAX] = {
	[TPROXY_OWNER_UID] = "uid",
	[TPROXY_OWNER_GID] = "gid",
	[TPROXY_OWNER_CGROUP] = "cgroup",
};

bool owner_set_is_any(const struct owner_set *set)
{
	return !set->n && !set->none;
}

bool owner_set_is_none(const struct owner_set *set)
{
	return !set->n && set->none;
}

void owner_free(struct owner_item *owner)
{
	free(owner->name);
	*owner = (struct owner_item){ 0 };
}

void owner_set_free(struct owner_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		owner_free(&set->items[i]);
	free(set->items);
	*set = (struct owner_set){ 0 };
}

/* ---- what is in a set --------------------------------------------------- */

static bool has_name(const struct owner_set *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->items[i].name && !strcmp(set->items[i].name, name))
			return true;
	return false;
}

/* The last id from `id` on that the set has without a gap; false: it does not have `id`. */
static bool reaches(const struct owner_set *set, __u64 id, __u64 *ret_last)
{
	bool found = false;

	for (size_t i = 0; i < set->n; i++) {
		const struct owner_item *o = &set->items[i];

		if (!o->known || o->first > id || o->last < id || (found && o->last <= *ret_last))
			continue;
		*ret_last = o->last;
		found = true;
	}
	return found;
}

static bool has_ids(const struct owner_set *set, __u64 first, __u64 last)
{
	__u64 until;

	while (reaches(set, first, &until)) {
		if (until >= last)
			return true;
		first = until + 1;
	}
	return false;
}

bool owner_set_has(const struct owner_set *set, const struct owner_item *owner)
{
	if (owner_set_is_any(set))
		return true;
	return owner->known ? has_ids(set, owner->first, owner->last) : has_name(set, owner->name);
}

bool owner_set_covers(const struct owner_set *outer, const struct owner_set *inner)
{
	if (owner_set_is_any(inner))
		return owner_set_is_any(outer);
	for (size_t i = 0; i < inner->n; i++)
		if (!owner_set_has(outer, &inner->items[i]))
			return false;
	return true;
}

bool owner_set_same(const struct owner_set *a, const struct owner_set *b)
{
	return owner_set_covers(a, b) && owner_set_covers(b, a);
}

/* ---- making sets -------------------------------------------------------- */

static bool is_same_item(const struct owner_item *a, const struct owner_item *b)
{
	if (!a->name != !b->name || (a->name && strcmp(a->name, b->name)) || a->known != b->known)
		return false;
	return !a->known || (a->first == b->first && a->last == b->last);
}

bool owner_set_has_item(const struct owner_set *set, const struct owner_item *item)
{
	for (size_t i = 0; i < set->n; i++)
		if (is_same_item(&set->items[i], item))
			return true;
	return false;
}

int owner_set_append(struct owner_set *set, const struct owner_item *owner)
{
	struct owner_item copy = *owner;
	int err = array_room((void **)&set->items, set->n, &set->room, sizeof(*set->items));

	if (err)
		return err;
	copy.name = owner->name ? strdup(owner->name) : NULL;
	if (owner->name && !copy.name)
		return -ENOMEM;
	set->items[set->n++] = copy;
	return 0;
}

int owner_set_add(struct owner_set *set, const struct owner_item *owner)
{
	return owner_set_has_item(set, owner) ? 0 : owner_set_append(set, owner);
}

int owner_set_merge(struct owner_set *to, const struct owner_set *from)
{
	int err = 0;

	for (size_t i = 0; i < from->n && !err; i++)
		err = owner_set_add(to, &from->items[i]);
	to->none |= from->none;
	return err;
}

/* ---- names for ids ------------------------------------------------------ */

/* The last id before the next one that the set has, at most `last`. The set does not have `id`. */
static __u64 gap_end(const struct owner_set *set, __u64 id, __u64 last)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->items[i].known && set->items[i].first > id && set->items[i].first <= last)
			last = set->items[i].first - 1;
	return last;
}

/* Adds the ids of `range` that `set` does not have to `rest`. */
static int add_rest(struct owner_set *rest, const struct owner_set *set,
		    const struct owner_item *range)
{
	struct owner_item part = { .first = range->first, .known = true };
	int err = 0;

	while (!err) {
		if (!reaches(set, part.first, &part.last)) {
			part.last = gap_end(set, part.first, range->last);
			err = owner_set_append(rest, &part);
		}
		if (part.last >= range->last)
			break;
		part.first = part.last + 1;
	}
	return err;
}

static int add_named(struct owner_set *all, const struct owner_set *live,
		     const struct owner_set *named)
{
	int err = 0;

	for (size_t i = 0; i < named->n && !err; i++)
		if (!named->items[i].known || owner_set_has(live, &named->items[i]))
			err = owner_set_add(all, &named->items[i]);
	return err;
}

int owner_set_name(struct owner_set *live, const struct owner_set *named)
{
	struct owner_set all = { .none = live->none }, rest = { 0 };
	int err;

	if (owner_set_is_any(live) || !named->n)
		return 0;
	err = add_named(&all, live, named);
	for (size_t i = 0; i < live->n && !err; i++)
		err = add_rest(&rest, &all, &live->items[i]);
	for (size_t i = 0; i < rest.n && !err; i++)
		err = owner_set_append(&all, &rest.items[i]);
	owner_set_free(&rest);
	owner_set_free(err ? &all : live);
	if (!err)
		*live = all;
	return err;
}
