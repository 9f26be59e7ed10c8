/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables that a state edited by hand should become when the policy changes. */
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "policy/tables.h"

/* One key in up to three tables; absent masks are inherited from the covering entry. */
struct triple {
	struct prefix prefix;
	bool in_actual, in_before, in_after;
	tproxy_mask actual, before, after;
};

static const struct prefix_mask *take(const struct prefix_table *table, size_t *at,
				      const struct prefix *prefix)
{
	if (*at < table->n && !prefix_cmp(&table->items[*at].prefix, prefix))
		return &table->items[(*at)++];
	return NULL;
}

static const struct prefix *next_prefix(const struct prefix_table *const tables[3],
					const size_t at[3])
{
	const struct prefix *best = NULL;

	for (int i = 0; i < 3; i++) {
		const struct prefix *p =
			at[i] < tables[i]->n ? &tables[i]->items[at[i]].prefix : NULL;

		if (p && (!best || prefix_cmp(p, best) < 0))
			best = p;
	}
	return best;
}

/* The mask that the key should have; false: no entry. Only bits that the change concerns differ. */
static bool settle(const struct triple *t, tproxy_mask *ret_mask)
{
	tproxy_mask changed = t->before ^ t->after;

	*ret_mask = (t->actual & ~changed) | (t->after & changed);
	if (!t->in_actual)
		return t->in_after && (!t->in_before || changed);
	return t->in_after || !t->in_before || t->actual != t->before;
}

/*
 * Bits of unused rules are no edit by hand: an interrupted command left them, and the next rule of
 * that number must not inherit them. used: the rules in use. inherited: the mask that the key would
 * have without an entry of its own.
 */
static void take_actual(struct triple *t, const tproxy_mask *mask, tproxy_mask used,
			tproxy_mask inherited)
{
	t->actual = mask ? *mask & used : inherited;
	t->in_actual = mask && (!(*mask & ~used) || t->actual != inherited);
}

static int rebase_prefixes(const struct prefix_table *const tables[3], tproxy_mask used,
			   struct prefix_table *target)
{
	const struct prefix_table *actual = tables[0], *before = tables[1], *after = tables[2];
	struct triple stack[130];
	size_t at[3] = { 0 }, depth = 0;
	const struct prefix *next;
	int err = 0;

	while (!err && (next = next_prefix(tables, at))) {
		struct triple t = { .prefix = *next };
		const struct prefix_mask *a = take(actual, &at[0], &t.prefix);
		const struct prefix_mask *b = take(before, &at[1], &t.prefix);
		const struct prefix_mask *c = take(after, &at[2], &t.prefix);
		tproxy_mask mask;

		while (depth && !prefix_covers(&stack[depth - 1].prefix, &t.prefix))
			depth--;
		take_actual(&t, a ? &a->mask : NULL, used, depth ? stack[depth - 1].actual : 0);
		t.in_before = b;
		t.in_after = c;
		t.before = b ? b->mask : depth ? stack[depth - 1].before : 0;
		t.after = c ? c->mask : depth ? stack[depth - 1].after : 0;
		stack[depth++] = t;
		if (settle(&t, &mask))
			err = prefix_table_append(target, &t.prefix, mask);
	}
	return err;
}

static int compare_ports(const void *a, const void *b)
{
	return port_mask_cmp(a, b);
}

static const struct port_mask *find_port(const struct port_table *table,
					 const struct port_mask *key)
{
	if (!table->n)
		return NULL;
	return bsearch(key, table->items, table->n, sizeof(*key), compare_ports);
}

static int rebase_port(const struct port_mask *key, const struct port_table *const tables[3],
		       tproxy_mask used, struct port_table *target)
{
	const struct port_mask *actual = find_port(tables[0], key);
	const struct port_mask *before = find_port(tables[1], key);
	const struct port_mask *after = find_port(tables[2], key);
	struct triple t = { .in_before = before,
			    .in_after = after,
			    .before = before ? before->mask : 0,
			    .after = after ? after->mask : 0 };
	tproxy_mask mask;

	take_actual(&t, actual ? &actual->mask : NULL, used, 0);
	return settle(&t, &mask) ? port_table_append(target, key->proto, key->port, mask) : 0;
}

static int rebase_ports(const struct port_table *const tables[3], tproxy_mask used,
			struct port_table *target)
{
	const struct port_table *actual = tables[0], *after = tables[2];
	int err = 0;

	for (size_t i = 0; i < actual->n && !err; i++)
		err = rebase_port(&actual->items[i], tables, used, target);
	for (size_t i = 0; i < after->n && !err; i++)
		if (!find_port(actual, &after->items[i]))
			err = rebase_port(&after->items[i], tables, used, target);
	return err;
}

int tables_rebase(const struct tables *actual, const struct tables *before,
		  const struct tables *after, struct tables *ret_target)
{
	const struct prefix_table *const dst[] = { &actual->dst, &before->dst, &after->dst };
	const struct prefix_table *const src[] = { &actual->src, &before->src, &after->src };
	const struct prefix_table *const owners[] = { &actual->owners, &before->owners,
						      &after->owners };
	const struct port_table *const ports[] = { &actual->ports, &before->ports, &after->ports };
	struct tables target = { .active = after->active };
	tproxy_mask used = 0, local = 0;
	int err;

	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		used |= tables_rule_is_used(&actual->rules[i]) ? 1ULL << i : 0;
		local |= tables_rule_is_local(&actual->rules[i]) ? 1ULL << i : 0;
	}
	err = rebase_prefixes(dst, used, &target.dst);
	if (!err)
		err = rebase_prefixes(src, used, &target.src);
	if (!err) /* what a build without this map left is of rules that are not local */
		err = rebase_prefixes(owners, local, &target.owners);
	if (!err)
		err = rebase_ports(ports, used, &target.ports);
	if (err) {
		tables_free(&target);
		return err;
	}
	tables_sort(&target);
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		bool changed =
			memcmp(&before->rules[i], &after->rules[i], sizeof(before->rules[i]));

		target.rules[i] = changed ? after->rules[i] : actual->rules[i];
	}
	*ret_target = target;
	return 0;
}
