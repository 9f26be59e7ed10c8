/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/import/flow/flows.h"

#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "tproxy_own.h"

/* ---- prefixes ----------------------------------------------------------- */

/* Are they the two halves of one prefix? */
static bool are_halves(const struct prefix *a, const struct prefix *b)
{
	struct prefix up = *a, other = *b;

	if (a->family != b->family || a->len != b->len || !a->len || !prefix_cmp(a, b))
		return false;
	prefix_shorten(&up, a->len - 1u);
	prefix_shorten(&other, a->len - 1u);
	return !prefix_cmp(&up, &other);
}

/* In order, a prefix meets those before it that it joins, or the one that covers it. */
void flows_tidy_prefixes(struct prefix_set *set)
{
	size_t n = 0;

	prefix_set_sort(set);
	for (size_t i = 0; i < set->n; i++) {
		if (n && prefix_covers(&set->items[n - 1], &set->items[i]))
			continue;
		set->items[n++] = set->items[i];
		while (n > 1 && are_halves(&set->items[n - 2], &set->items[n - 1])) {
			n--;
			prefix_shorten(&set->items[n - 1], set->items[n - 1].len - 1u);
		}
	}
	set->n = n;
}

/* Both are tidy, so one pass over both is enough. */
static int and_prefixes(const struct prefix_set *a, const struct prefix_set *b,
			struct prefix_set *ret_set)
{
	size_t i = 0, j = 0;
	int err = 0;

	while (i < a->n && j < b->n && !err) {
		const struct prefix *x = &a->items[i], *y = &b->items[j];

		if (prefix_covers(x, y)) {
			err = prefix_set_append(ret_set, y);
			j++;
		} else if (prefix_covers(y, x)) {
			err = prefix_set_append(ret_set, x);
			i++;
		} else if (prefix_cmp(x, y) < 0) {
			i++;
		} else {
			j++;
		}
	}
	return err;
}

/* The half of a prefix; high: the one whose next bit is set. */
static struct prefix half_of(const struct prefix *p, bool high)
{
	struct prefix half = *p;

	half.addr[p->len / 8] |= high ? (__u8)(0x80 >> p->len % 8) : 0;
	half.len++;
	return half;
}

/* Every address of p that is in none of these n prefixes, which are tidy and all within p. */
static int not_within(const struct prefix *p, const struct prefix *in, size_t n,
		      struct prefix_set *set)
{
	struct prefix low, high;
	size_t below = 0;
	int err;

	if (!n)
		return prefix_set_append(set, p);
	if (in[0].len == p->len)
		return 0;
	low = half_of(p, false);
	high = half_of(p, true);
	while (below < n && prefix_covers(&low, &in[below]))
		below++;
	err = not_within(&low, in, below, set);
	return err ? err : not_within(&high, in + below, n - below, set);
}

int flows_not_prefixes(const struct prefix_set *set, __u8 family, struct prefix_set *ret_set)
{
	const struct prefix every = { .family = family };
	struct prefix_set in = { 0 }, rest = { 0 };
	int err = 0;

	for (size_t i = 0; i < set->n && !err; i++)
		if (set->items[i].family == family)
			err = prefix_set_append(&in, &set->items[i]);
	flows_tidy_prefixes(&in);
	if (!err)
		err = not_within(&every, in.items, in.n, &rest);
	free(in.items);
	if (err)
		free(rest.items);
	else
		*ret_set = rest;
	return err;
}

bool flows_prefixes_cover(const struct prefix_set *outer, const struct prefix_set *inner)
{
	size_t at = 0;

	for (size_t i = 0; i < inner->n; i++) {
		const struct prefix *p = &inner->items[i];

		while (at < outer->n && prefix_cmp(&outer->items[at], p) < 0 &&
		       !prefix_covers(&outer->items[at], p))
			at++;
		if (at == outer->n || !prefix_covers(&outer->items[at], p))
			return false;
	}
	return true;
}

int flows_add_prefixes(struct prefix_set *to, const struct prefix_set *from)
{
	int err = 0;

	for (size_t i = 0; i < from->n && !err; i++)
		err = prefix_set_append(to, &from->items[i]);
	flows_tidy_prefixes(to);
	return err;
}

static bool same_prefixes(const struct prefix_set *a, const struct prefix_set *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (prefix_cmp(&a->items[i], &b->items[i]))
			return false;
	return true;
}

/* ---- names -------------------------------------------------------------- */

bool flows_in_covers(const char *outer, const char *inner)
{
	size_t len = strlen(outer);

	if (!len)
		return true;
	if (outer[len - 1] == '*')
		return !strncmp(outer, inner, len - 1);
	return !strcmp(outer, inner);
}

bool flows_cgroup_covers(const char *outer, const char *inner)
{
	size_t len = strlen(outer);

	if (!strcmp(outer, "/"))
		return true;
	return !strncmp(outer, inner, len) && (!inner[len] || inner[len] == '/');
}

static int and_cgroup(const char *a, const char *b, struct flows *both)
{
	if (!a || !b) {
		a = a ? a : b;
	} else if (!flows_cgroup_covers(b, a)) {
		if (!flows_cgroup_covers(a, b))
			both->protos = 0; /* a process is in one cgroup */
		a = b;
	}
	if (!a)
		return 0;
	both->cgroup = strdup(a);
	return both->cgroup ? 0 : -ENOMEM;
}

static void and_in(const char *a, const char *b, struct flows *both)
{
	if (flows_in_covers(a, b))
		a = b;
	else if (!flows_in_covers(b, a))
		both->protos = 0;
	snprintf(both->in, sizeof(both->in), "%s", a);
}

/* ---- all together ------------------------------------------------------- */

int flows_all(__u8 family, struct flows *ret_flows)
{
	const struct prefix every = { .family = family };
	struct flows all = { .protos = FLOWS_EVERY_PROTO };
	int err = prefix_set_append(&all.from, &every);

	if (!err)
		err = prefix_set_append(&all.to, &every);
	if (!err)
		err = span_set_add(&all.ports, (struct span){ 0, FLOWS_MAX_PORT });
	for (size_t i = 0; i < ARRAY_SIZE(all.ids) && !err; i++)
		err = span_set_add(&all.ids[i], (struct span){ 0, FLOWS_MAX_ID });
	if (err)
		flows_free(&all);
	else
		*ret_flows = all;
	return err;
}

int flows_and(const struct flows *a, const struct flows *b, struct flows *ret_both)
{
	struct flows both = { .protos = a->protos & b->protos };
	int err = and_cgroup(a->cgroup, b->cgroup, &both);

	and_in(a->in, b->in, &both);
	if (!err)
		err = and_prefixes(&a->from, &b->from, &both.from);
	if (!err)
		err = and_prefixes(&a->to, &b->to, &both.to);
	if (!err)
		err = span_set_and(&a->ports, &b->ports, &both.ports);
	for (size_t i = 0; i < ARRAY_SIZE(both.ids) && !err; i++)
		err = span_set_and(&a->ids[i], &b->ids[i], &both.ids[i]);
	if (err)
		flows_free(&both);
	else
		*ret_both = both;
	return err;
}

bool flows_is_empty(const struct flows *flows)
{
	return !flows->protos || !flows->from.n || !flows->to.n || !flows->ports.n ||
	       !flows->ids[0].n || !flows->ids[1].n;
}

bool flows_equal(const struct flows *a, const struct flows *b)
{
	if (a->protos != b->protos || strcmp(a->in, b->in) || !a->cgroup != !b->cgroup ||
	    (a->cgroup && strcmp(a->cgroup, b->cgroup)))
		return false;
	return same_prefixes(&a->from, &b->from) && same_prefixes(&a->to, &b->to) &&
	       span_set_equal(&a->ports, &b->ports) && span_set_equal(&a->ids[0], &b->ids[0]) &&
	       span_set_equal(&a->ids[1], &b->ids[1]);
}

void flows_free(struct flows *flows)
{
	free(flows->from.items);
	free(flows->to.items);
	free(flows->ports.items);
	free(flows->ids[0].items);
	free(flows->ids[1].items);
	free(flows->cgroup);
	*flows = (struct flows){ 0 };
}
