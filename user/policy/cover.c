/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/cover.h"

#include <fnmatch.h>
#include <string.h>

#include "lib/util.h"

/* ---- prefixes and services ---------------------------------------------- */

static bool prefix_is_within(const struct prefix *prefix, const struct prefix_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (prefix_covers(&set->items[i], prefix))
			return true;
	return false;
}

bool prefix_set_covers(const struct prefix_set *outer, const struct prefix_set *inner)
{
	for (size_t i = 0; i < inner->n; i++)
		if (!prefix_is_within(&inner->items[i], outer))
			return false;
	return true;
}

bool service_set_includes(const struct service_set *set, const struct service *service)
{
	const struct port_range *range = &service->range;

	for (size_t i = 0; i < set->n; i++) {
		const struct port_range *other = &set->items[i].range;

		if (set->items[i].proto != service->proto)
			continue;
		if (!other->first ||
		    (range->first && range->first >= other->first && range->last <= other->last))
			return true;
	}
	return false;
}

bool service_set_covers(const struct service_set *outer, const struct service_set *inner)
{
	for (size_t i = 0; i < inner->n; i++)
		if (!service_set_includes(outer, &inner->items[i]))
			return false;
	return true;
}

static bool has_same_owners(const struct rule *a, const struct rule *b)
{
	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++)
		if (!owner_set_same(&a->owners[kind], &b->owners[kind]))
			return false;
	return a->local == b->local;
}

bool cover_same_flows(const struct rule *a, const struct rule *b)
{
	return a->action == b->action && a->on_down == b->on_down && a->unrouted == b->unrouted &&
	       endpoint_equal(&a->proxy, &b->proxy) && has_same_owners(a, b) &&
	       service_set_covers(&a->services, &b->services) &&
	       service_set_covers(&b->services, &a->services) &&
	       prefix_set_covers(&a->to, &b->to) && prefix_set_covers(&b->to, &a->to) &&
	       prefix_set_covers(&a->from, &b->from) && prefix_set_covers(&b->from, &a->from);
}

/* ---- names of interfaces ------------------------------------------------ */

bool names_cover(const struct name_set *outer, const char *inner)
{
	bool is_glob = strpbrk(inner, "*?[\\") != NULL;

	for (size_t i = 0; i < outer->n; i++)
		if (!strcmp(outer->items[i], "*") || !strcmp(outer->items[i], inner) ||
		    (!is_glob && !fnmatch(outer->items[i], inner, 0)))
			return true;
	return false;
}

/* Could the rests of two globs, of stars and question marks only, match the same name? */
typedef bool meet_table[TPROXY_IFNAME_LEN + 1][TPROXY_IFNAME_LEN + 1];

static bool rests_meet(meet_table table, const char *a, size_t i, const char *b, size_t j)
{
	if (a[i] == '*')
		return table[i + 1][j] || (b[j] && table[i][j + 1]);
	if (b[j] == '*')
		return table[i][j + 1] || (a[i] && table[i + 1][j]);
	if (!a[i] || !b[j])
		return !a[i] && !b[j];
	return (a[i] == b[j] || a[i] == '?' || b[j] == '?') && table[i + 1][j + 1];
}

static bool plain_meet(const char *a, const char *b)
{
	meet_table table = { 0 };

	for (size_t i = strlen(a) + 1; i-- > 0;)
		for (size_t j = strlen(b) + 1; j-- > 0;)
			table[i][j] = rests_meet(table, a, i, b, j);
	return table[0][0];
}

bool glob_may_meet(const char *a, const char *b)
{
	static const char hard[] = "[\\";

	if (!strpbrk(a, hard) && !strpbrk(b, hard))
		return plain_meet(a, b);
	if (!strpbrk(a, "*?[\\"))
		return !fnmatch(b, a, 0);
	return strpbrk(b, "*?[\\") || !fnmatch(a, b, 0);
}

bool names_may_meet(const struct name_set *set, const char *glob)
{
	for (size_t i = 0; i < set->n; i++)
		if (glob_may_meet(set->items[i], glob))
			return true;
	return false;
}
