/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/sets.h"

#include <fnmatch.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"

int prefix_set_append(struct prefix_set *set, const struct prefix *prefix)
{
	int err = array_room((void **)&set->items, set->n, &set->room, sizeof(*set->items));

	if (!err)
		set->items[set->n++] = *prefix;
	return err;
}

int prefix_set_add(struct prefix_set *set, const struct prefix *prefix)
{
	for (size_t i = 0; i < set->n; i++)
		if (!prefix_cmp(&set->items[i], prefix))
			return 0;
	return prefix_set_append(set, prefix);
}

static int prefix_order(const void *a, const void *b)
{
	return prefix_cmp(a, b);
}

void prefix_set_sort(struct prefix_set *set)
{
	size_t kept = 0;

	if (!set->n)
		return;
	qsort(set->items, set->n, sizeof(*set->items), prefix_order);
	for (size_t i = 1; i < set->n; i++)
		if (prefix_cmp(&set->items[kept], &set->items[i]))
			set->items[++kept] = set->items[i];
	set->n = kept + 1;
}

int prefix_set_add_all(struct prefix_set *set)
{
	static const struct prefix all4 = { .family = AF_INET };
	static const struct prefix all6 = { .family = AF_INET6 };
	int err = prefix_set_add(set, &all4);

	return err ? err : prefix_set_add(set, &all6);
}

int prefix_set_merge(struct prefix_set *to, const struct prefix_set *from)
{
	for (size_t i = 0; i < from->n; i++) {
		int err = prefix_set_add(to, &from->items[i]);

		if (err)
			return err;
	}
	return 0;
}

int prefix_set_del(struct prefix_set *set, const struct prefix *prefix)
{
	for (size_t i = 0; i < set->n; i++) {
		if (prefix_cmp(&set->items[i], prefix))
			continue;
		memmove(&set->items[i], &set->items[i + 1], (--set->n - i) * sizeof(*set->items));
		return 0;
	}
	return -ENOENT;
}

bool prefix_set_is_all(const struct prefix_set *set)
{
	bool all4 = false, all6 = false;

	for (size_t i = 0; i < set->n; i++) {
		all4 |= set->items[i].len == 0 && set->items[i].family == AF_INET;
		all6 |= set->items[i].len == 0 && set->items[i].family == AF_INET6;
	}
	return all4 && all6;
}

/* Services of a set never overlap and never touch: adding joins what meets. */
int service_set_add(struct service_set *set, __u8 proto, struct port_range range)
{
	struct service_set next = { 0 };
	int err = 0;

	for (size_t i = 0; i < set->n && !err; i++) {
		struct service *s = &set->items[i];
		bool wild = !s->range.first || !range.first;

		if (s->proto == proto && !wild && s->range.first <= range.last + 1 &&
		    range.first <= s->range.last + 1) {
			if (s->range.first < range.first)
				range.first = s->range.first;
			if (s->range.last > range.last)
				range.last = s->range.last;
			continue;
		}
		if (s->proto == proto && s->range.first == range.first)
			continue; /* both mean every port */
		err = array_room((void **)&next.items, next.n, &next.room, sizeof(*next.items));
		if (!err)
			next.items[next.n++] = *s;
	}
	if (!err)
		err = array_room((void **)&next.items, next.n, &next.room, sizeof(*next.items));
	if (err) {
		free(next.items);
		return err;
	}
	next.items[next.n++] = (struct service){ .proto = proto, .range = range };
	free(set->items);
	*set = next;
	return 0;
}

int service_set_merge(struct service_set *to, const struct service_set *from)
{
	for (size_t i = 0; i < from->n; i++) {
		int err = service_set_add(to, from->items[i].proto, from->items[i].range);

		if (err)
			return err;
	}
	return 0;
}

/* Adds the entries of `from` that name no protocol, as those of `proto`. */
static int add_unnamed(struct service_set *to, const struct service_set *from, __u8 proto)
{
	int err = 0;

	for (size_t i = 0; i < from->n && !err; i++)
		if (!from->items[i].proto)
			err = service_set_add(to, proto, from->items[i].range);
	return err;
}

int service_set_resolve(struct service_set *to, const struct service_set *from, int protos)
{
	struct service every_port = { 0 };
	const struct service_set all = { .items = &every_port, .n = 1 };
	int err = 0;

	if (!from)
		from = &all;
	for (size_t i = 0; i < from->n && !err; i++)
		if (from->items[i].proto)
			err = service_set_add(to, from->items[i].proto, from->items[i].range);
	if (!err && (protos & POLICY_TCP))
		err = add_unnamed(to, from, IPPROTO_TCP);
	if (!err && (protos & POLICY_UDP))
		err = add_unnamed(to, from, IPPROTO_UDP);
	return err;
}

/* Cuts `range` out of the one service that contains it. */
int service_set_del(struct service_set *set, __u8 proto, struct port_range range)
{
	for (size_t i = 0; i < set->n; i++) {
		struct service *s = &set->items[i];
		struct service upper = *s;
		int err;

		if (s->proto != proto || s->range.first > range.first ||
		    s->range.last < range.last || (!s->range.first != !range.first))
			continue;
		if (s->range.first < range.first && s->range.last > range.last) {
			err = array_room((void **)&set->items, set->n, &set->room,
					 sizeof(*set->items));
			if (err)
				return err;
			upper.range.first = (__u16)(range.last + 1);
			set->items[set->n++] = upper;
			set->items[i].range.last = (__u16)(range.first - 1);
		} else if (s->range.first < range.first) {
			s->range.last = (__u16)(range.first - 1);
		} else if (s->range.last > range.last) {
			s->range.first = (__u16)(range.last + 1);
		} else {
			*s = set->items[--set->n];
		}
		return 0;
	}
	return -ENOENT;
}

bool service_covers(const struct service *service, __u8 proto, __u16 port)
{
	if (service->proto != proto)
		return false;
	return !service->range.first ||
	       (port >= service->range.first && port <= service->range.last);
}

/* ---- interfaces --------------------------------------------------------- */

bool name_set_has(const struct name_set *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (!strcmp(set->items[i], name))
			return true;
	return false;
}

int name_set_add(struct name_set *set, const char *name)
{
	int err;

	if (name_set_has(set, name))
		return 0;
	err = array_room((void **)&set->items, set->n, &set->room, sizeof(*set->items));
	if (!err)
		snprintf(set->items[set->n++], sizeof(*set->items), "%s", name);
	return err;
}

int name_set_merge(struct name_set *to, const struct name_set *from)
{
	for (size_t i = 0; i < from->n; i++) {
		int err = name_set_add(to, from->items[i]);

		if (err)
			return err;
	}
	return 0;
}

bool name_set_matches(const struct name_set *set, const char *ifname)
{
	for (size_t i = 0; i < set->n; i++)
		if (!fnmatch(set->items[i], ifname, 0))
			return true;
	return false;
}

bool name_set_equal(const struct name_set *a, const struct name_set *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!name_set_has(b, a->items[i]))
			return false;
	return true;
}
