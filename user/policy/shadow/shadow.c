/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/shadow/shadow.h"

#include <string.h>
#include <sys/socket.h>

#include "lib/util.h"
#include "policy/cover.h"
#include "policy/shadow/masks.h"
#include "policy/tables.h"

/* From here on the answer is "it may decide", which is never wrong. */
#define MAX_STEPS 1000000

struct dimensions {
	struct masks dst[2], src[2]; /* IPv4, IPv6 */
	struct masks ports;
	struct masks owners[TPROXY_OWNER_KIND_MAX];
};

static void dimensions_free(struct dimensions *d)
{
	for (int i = 0; i < 2; i++) {
		free(d->dst[i].items);
		free(d->src[i].items);
	}
	free(d->ports.items);
	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++)
		free(d->owners[kind].items);
}
#define __cleanup_dimensions __attribute__((cleanup(dimensions_free)))

/* ---- values of a dimension ---------------------------------------------- */

/* Number of addresses; for length 0 of IPv6 it wraps to 0, and so does the sum of its parts. */
static unsigned __int128 prefix_size(const struct prefix *p)
{
	unsigned int bits = p->family == OWNER_FAMILY ? OWNER_ID_LEN :
			    p->family == AF_INET      ? 32 :
							128;

	bits -= p->len;

	return bits < 128 ? (unsigned __int128)1 << bits : 0;
}

struct frame {
	const struct prefix_mask *entry;
	unsigned __int128 inside; /* addresses that longer prefixes have */
	bool has_longer;
};

/* The dimension that a prefix belongs to, among those of its table. */
static unsigned int dimension_of(const struct prefix *prefix)
{
	return prefix->family == OWNER_FAMILY ? prefix->addr[0] : prefix->family != AF_INET;
}

/* An entry counts if an address finds it: if longer prefixes do not cover all its addresses. */
static int append_if_reached(struct masks *masks, const struct frame *frame)
{
	const struct prefix *prefix = &frame->entry->prefix;

	if (frame->has_longer && frame->inside == prefix_size(prefix))
		return 0;
	return masks_append(&masks[dimension_of(prefix)], frame->entry->mask);
}

/*
 * n: of dimensions. A process that is in several cgroups has the rules of all of them; the fewest
 * are those of one, so each is looked at alone.
 */
static int collect_prefixes(const struct prefix_table *table, struct masks *masks, unsigned int n)
{
	struct frame stack[130];
	size_t depth = 0;
	int err = 0;

	for (size_t i = 0; i <= table->n && !err; i++) {
		const struct prefix_mask *entry = i < table->n ? &table->items[i] : NULL;

		while (depth && !err &&
		       !(entry && prefix_covers(&stack[depth - 1].entry->prefix, &entry->prefix)))
			err = append_if_reached(masks, &stack[--depth]);
		if (!entry)
			break;
		if (depth) {
			stack[depth - 1].inside += prefix_size(&entry->prefix);
			stack[depth - 1].has_longer = true;
		}
		stack[depth++] = (struct frame){ .entry = entry };
	}
	for (unsigned int i = 0; i < n; i++)
		masks_unique(&masks[i]);
	return err;
}

/* Each port that is named, with the rules for every port of its protocol; and any other port. */
static int collect_ports(const struct port_table *table, struct masks *masks)
{
	tproxy_mask any[256] = { 0 };
	int err = 0;

	for (size_t i = 0; i < table->n; i++)
		if (!table->items[i].port)
			any[table->items[i].proto] |= table->items[i].mask;
	for (size_t i = 0; i < table->n && !err; i++)
		err = masks_append(masks, table->items[i].mask | any[table->items[i].proto]);
	masks_unique(masks);
	return err;
}

static int collect(const struct policy *policy, struct dimensions *d)
{
	struct tables tables __cleanup_tables = { 0 };
	int err = tables_compile(policy, &tables);

	if (!err)
		err = collect_prefixes(&tables.dst, d->dst, 2);
	if (!err)
		err = collect_prefixes(&tables.src, d->src, 2);
	if (!err)
		err = collect_prefixes(&tables.owners, d->owners, TPROXY_OWNER_KIND_MAX);
	return err ? err : collect_ports(&tables.ports, &d->ports);
}

/* ---- one rule ----------------------------------------------------------- */

/* Rules before `rule` that are in force on every interface that its glob `glob` can mean. */
static tproxy_mask certainly_on(const struct policy *policy, int rule, const char *glob)
{
	tproxy_mask mask = 0;

	for (int i = 0; i < rule; i++) {
		const struct rule *earlier = &policy->rules[i];

		if (earlier->used && earlier->local != TPROXY_LOCAL_ONLY &&
		    (!earlier->interfaces.n || names_cover(&earlier->interfaces, glob)))
			mask |= 1ULL << i;
	}
	return mask;
}

static int before_on_ifaces(const struct policy *policy, int rule, struct masks *ret_masks)
{
	const struct name_set *names = &policy->rules[rule].interfaces;
	int err = 0;

	if (policy->rules[rule].local == TPROXY_LOCAL_ONLY)
		return 0;
	if (!names->n) /* no pattern but "*" covers this one */
		return masks_append(ret_masks, certainly_on(policy, rule, "*"));
	for (size_t i = 0; i < names->n && !err; i++)
		err = masks_append(ret_masks, certainly_on(policy, rule, names->items[i]));
	return err;
}

/* Rules before `rule` that match own traffic, for each owner that the rule accepts. */
static int before_on_own(const struct policy *policy, const struct dimensions *d, int rule,
			 struct masks *ret_masks)
{
	struct masks all = { 0 };
	int err = 0;

	if (!rule_is_local(&policy->rules[rule]))
		return 0;
	err = masks_append(&all, policy_local_rules(policy) & ((1ULL << rule) - 1));
	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX && !err; kind++) {
		struct masks one = { 0 };

		err = masks_before(&d->owners[kind], rule, &one);
		if (!err)
			err = masks_cross(&all, &one);
		free(one.items);
	}
	for (size_t i = 0; i < all.n && !err; i++)
		err = masks_append(ret_masks, all.items[i]);
	free(all.items);
	return err;
}

/* Where flows come from: interfaces, and owners of own traffic. */
static int before_on_places(const struct policy *policy, const struct dimensions *d, int rule,
			    struct masks *ret_masks)
{
	int err = before_on_ifaces(policy, rule, ret_masks);

	if (!err)
		err = before_on_own(policy, d, rule, ret_masks);
	masks_unique(ret_masks);
	return err;
}

struct search {
	struct masks dst, src, ports, places; /* owned */
	size_t steps;
	tproxy_mask by;
};

static void search_free(struct search *s)
{
	free(s->dst.items);
	free(s->src.items);
	free(s->ports.items);
	free(s->places.items);
}
#define __cleanup_search __attribute__((cleanup(search_free)))

/* Is there a port and a place at which none of `mask` is before the rule? */
static bool gets_past(struct search *s, tproxy_mask mask)
{
	for (size_t p = 0; p < s->ports.n; p++) {
		for (size_t i = 0; i < s->places.n; i++) {
			tproxy_mask left = mask & s->ports.items[p] & s->places.items[i];

			if (!left || ++s->steps > MAX_STEPS)
				return true;
			s->by |= left & -left;
		}
	}
	return false;
}

static bool finds_a_way(struct search *s)
{
	for (size_t d = 0; d < s->dst.n; d++)
		for (size_t i = 0; i < s->src.n; i++)
			if (gets_past(s, s->dst.items[d] & s->src.items[i]))
				return true;
	return false;
}

static int search_family(const struct policy *policy, const struct dimensions *d, int rule,
			 int family, struct shadow *shadow)
{
	struct search s __cleanup_search = { 0 };
	int err = masks_before(&d->dst[family], rule, &s.dst);

	if (!err)
		err = masks_before(&d->src[family], rule, &s.src);
	if (!err)
		err = masks_before(&d->ports, rule, &s.ports);
	if (!err)
		err = before_on_places(policy, d, rule, &s.places);
	if (err || !s.dst.n || !s.src.n)
		return err;
	if (finds_a_way(&s)) {
		shadow->kind = SHADOW_NONE;
		return 0;
	}
	if (shadow->kind == SHADOW_FAMILIES)
		shadow->kind = SHADOW_EARLIER;
	shadow->by |= s.by;
	return 0;
}

/* It names owners, and nobody is one of them: only what `run` starts meets it, or a cgroup that is to come. */
static bool is_nobodys(const struct rule *rule)
{
	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++) {
		const struct owner_set *set = &rule->owners[kind];
		bool somebody = owner_set_is_any(set);

		for (size_t i = 0; i < set->n; i++)
			somebody |= set->items[i].known;
		if (!somebody)
			return rule->local == TPROXY_LOCAL_ONLY;
	}
	return false;
}

static int find_one(const struct policy *policy, const struct dimensions *d, int rule,
		    struct shadow *ret_shadow)
{
	const struct rule *r = &policy->rules[rule];
	struct shadow shadow = { .kind = SHADOW_FAMILIES };
	int err = 0;

	if (!r->to.n || !r->from.n || !r->services.n) {
		*ret_shadow = (struct shadow){ .kind = SHADOW_NOTHING };
		return 0;
	}
	if (is_nobodys(r)) {
		*ret_shadow = (struct shadow){ .kind = SHADOW_NONE };
		return 0;
	}
	for (int family = 0; family < 2 && !err && shadow.kind != SHADOW_NONE; family++)
		err = search_family(policy, d, rule, family, &shadow);
	*ret_shadow = shadow;
	return err;
}

/* ---- the whole ---------------------------------------------------------- */

static bool is_too_much(const struct policy *policy)
{
	size_t prefixes = 0;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		prefixes += policy->rules[i].to.n + policy->rules[i].from.n;
	return prefixes > SHADOW_MAX_PREFIXES;
}

int shadow_find(const struct policy *policy, struct shadow ret_shadows[TPROXY_MAX_RULES])
{
	struct dimensions d __cleanup_dimensions = { 0 };
	struct shadow shadows[TPROXY_MAX_RULES] = { 0 };
	int err = is_too_much(policy) ? -E2BIG : collect(policy, &d);

	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++)
		if (policy->rules[i].used)
			err = find_one(policy, &d, i, &shadows[i]);
	if (!err)
		memcpy(ret_shadows, shadows, sizeof(shadows));
	return err;
}

#define NAMED_RULES 3

static void format_rules(const struct policy *policy, tproxy_mask mask, char *buf, size_t size)
{
	int n = 0, all = __builtin_popcountll(mask);
	size_t len = 0;

	for (int i = 0; i < TPROXY_MAX_RULES && n < NAMED_RULES && len < size; i++) {
		const char *before = n == 0 ? "" : n + 1 == all ? " and " : ", ";

		if (!(mask >> i & 1))
			continue;
		len += (size_t)snprintf(buf + len, size - len, "%s%s", before,
					policy->rules[i].name);
		n++;
	}
	if (all > n && len < size)
		snprintf(buf + len, size - len, " and %d more", all - n);
}

char *shadow_format(const struct policy *policy, const struct shadow *shadow, char *buf,
		    size_t size)
{
	char rules[4 * TPROXY_NAME_LEN + 32] = "";

	format_rules(policy, shadow->by, rules, sizeof(rules));
	if (shadow->kind == SHADOW_NOTHING)
		snprintf(buf, size, "it has no destination, no source or no port");
	else if (shadow->kind == SHADOW_FAMILIES)
		snprintf(buf, size,
			 "its sources and destinations are of different address families");
	else
		snprintf(buf, size, "earlier rules take all that it matches: %s", rules);
	return buf;
}
