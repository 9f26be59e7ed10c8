/* SPDX-License-Identifier: BSD-2-Clause */
/* The map edits between two sets of tables, and the tables a hand-edited state should become. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/util.h"
#include "policy/tables.h"

typedef int (*edit_fn)(const struct tables_edit *edit, void *arg);

const char *const tables_map_names[TABLES_MAP_MAX] = {
	[TABLES_DST4] = "dst4", [TABLES_DST6] = "dst6",   [TABLES_SRC4] = "src4",
	[TABLES_SRC6] = "src6", [TABLES_PORTS] = "ports", [TABLES_RULES] = "rules",
};

/* ---- prefixes ------------------------------------------------------------- */

static int edit_prefix(const struct prefix_mask *entry, bool source, bool remove, edit_fn cb,
		       void *arg)
{
	struct tables_edit edit = { .remove = remove, .value_size = sizeof(tproxy_mask) };

	edit.value.mask = entry->mask;
	if (entry->prefix.family == AF_INET) {
		edit.map = source ? TABLES_SRC4 : TABLES_DST4;
		edit.key_size = sizeof(edit.key.lpm4);
		edit.key.lpm4.prefixlen = entry->prefix.len;
		memcpy(edit.key.lpm4.addr, entry->prefix.addr, sizeof(edit.key.lpm4.addr));
	} else {
		edit.map = source ? TABLES_SRC6 : TABLES_DST6;
		edit.key_size = sizeof(edit.key.lpm6);
		edit.key.lpm6.prefixlen = entry->prefix.len;
		memcpy(edit.key.lpm6.addr, entry->prefix.addr, sizeof(edit.key.lpm6.addr));
	}
	return cb(&edit, arg);
}

/* Entries of `to` that are new or differ, most specific first. */
static int put_prefixes(const struct prefix_table *from, const struct prefix_table *to, bool source,
			edit_fn cb, void *arg)
{
	size_t i = from->n;
	int err = 0;

	for (size_t j = to->n; j-- > 0 && !err;) {
		const struct prefix_mask *entry = &to->items[j];

		while (i && prefix_cmp(&from->items[i - 1].prefix, &entry->prefix) > 0)
			i--;
		if (i && !prefix_cmp(&from->items[i - 1].prefix, &entry->prefix) &&
		    from->items[i - 1].mask == entry->mask)
			continue;
		err = edit_prefix(entry, source, false, cb, arg);
	}
	return err;
}

/* Entries that `to` has not, least specific first. */
static int remove_prefixes(const struct prefix_table *from, const struct prefix_table *to,
			   bool source, edit_fn cb, void *arg)
{
	size_t j = 0;
	int err = 0;

	for (size_t i = 0; i < from->n && !err; i++) {
		const struct prefix_mask *entry = &from->items[i];

		while (j < to->n && prefix_cmp(&to->items[j].prefix, &entry->prefix) < 0)
			j++;
		if (j == to->n || prefix_cmp(&to->items[j].prefix, &entry->prefix))
			err = edit_prefix(entry, source, true, cb, arg);
	}
	return err;
}

/*
 * In this order an address finds its old mask until it finds its new one. Its most
 * specific entry is written before those that cover it; one that goes is in the way
 * of all others until those that would come to light in its place have gone.
 */
static int diff_prefixes(const struct prefix_table *from, const struct prefix_table *to,
			 bool source, edit_fn cb, void *arg)
{
	int err = put_prefixes(from, to, source, cb, arg);

	return err ? err : remove_prefixes(from, to, source, cb, arg);
}

/* ---- ports and rules ------------------------------------------------------ */

static int edit_port(const struct port_mask *entry, bool remove, edit_fn cb, void *arg)
{
	struct tables_edit edit = {
		.map = TABLES_PORTS,
		.remove = remove,
		.key_size = sizeof(edit.key.port),
		.value_size = sizeof(edit.value.mask),
		.key.port = { .proto = entry->proto, .port = htons(entry->port) },
		.value.mask = entry->mask,
	};

	return cb(&edit, arg);
}

/*
 * A port is answered by two entries, its own and "every port", and a rule may move
 * from one to the other: so the first pass only adds bits, the second takes them.
 */
static int diff_ports(const struct port_table *from, const struct port_table *to, bool removals,
		      edit_fn cb, void *arg)
{
	size_t i = 0, j = 0;
	int err = 0;

	while (!err && (i < from->n || j < to->n)) {
		int order = i == from->n ? 1 :
			    j == to->n   ? -1 :
					   port_mask_cmp(&from->items[i], &to->items[j]);
		tproxy_mask old = order <= 0 ? from->items[i].mask : 0;
		struct port_mask both = order < 0 ? from->items[i] : to->items[j];

		both.mask |= old;
		if (order < 0)
			err = removals ? edit_port(&from->items[i], true, cb, arg) : 0;
		else if (!removals && (order > 0 || both.mask != old))
			err = edit_port(&both, false, cb, arg);
		else if (removals && both.mask != to->items[j].mask)
			err = edit_port(&to->items[j], false, cb, arg);
		i += order <= 0;
		j += order >= 0;
	}
	return err;
}

static bool is_unused(const struct tproxy_rule *rule)
{
	return rule->action == TPROXY_ACTION_NONE;
}

/*
 * In two passes: a rule that comes is written when all it needs is there, one that goes
 * before anything of it. So what a kill leaves of either is not taken for a rule.
 */
static int diff_rules(const struct tables *from, const struct tables *to, bool new, edit_fn cb,
		      void *arg)
{
	for (__u32 i = 0; i < TPROXY_MAX_RULES; i++) {
		struct tables_edit edit = {
			.map = TABLES_RULES,
			.key_size = sizeof(edit.key.index),
			.value_size = sizeof(edit.value.rule),
			.key.index = i,
			.value.rule = to->rules[i],
		};
		int err;

		if (is_unused(&from->rules[i]) != new ||
		    !memcmp(&from->rules[i], &to->rules[i], sizeof(from->rules[i])))
			continue;
		err = cb(&edit, arg);
		if (err)
			return err;
	}
	return 0;
}

int tables_diff(const struct tables *from, const struct tables *to, edit_fn cb, void *arg)
{
	int err = diff_rules(from, to, false, cb, arg);

	if (!err)
		err = diff_ports(&from->ports, &to->ports, false, cb, arg);
	if (!err)
		err = diff_ports(&from->ports, &to->ports, true, cb, arg);
	if (!err)
		err = diff_prefixes(&from->src, &to->src, true, cb, arg);
	if (!err)
		err = diff_prefixes(&from->dst, &to->dst, false, cb, arg);
	return err ? err : diff_rules(from, to, true, cb, arg);
}

/* ---- rebase --------------------------------------------------------------- */

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

static const struct prefix *least(const struct prefix_table *const tables[3], const size_t at[3])
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

/* The value the key should have; false: no entry. Only bits that the change concerns move. */
static bool settle(const struct triple *t, tproxy_mask *ret_mask)
{
	tproxy_mask changed = t->before ^ t->after;

	*ret_mask = (t->actual & ~changed) | (t->after & changed);
	if (!t->in_actual)
		return t->in_after && (!t->in_before || changed);
	return t->in_after || !t->in_before || t->actual != t->before;
}

/*
 * Bits of unused rules are what a kill left of one, and no hand-made edit: the next
 * rule of that number must not inherit them. used: the rules that are. inherited:
 * what the key would find without an entry of its own.
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

	while (!err && (next = least(tables, at))) {
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

static tproxy_mask port_mask_of(const struct port_table *table, const struct port_mask *key,
				bool *ret_found)
{
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t mid = (low + high) / 2;
		int order = port_mask_cmp(&table->items[mid], key);

		if (!order) {
			*ret_found = true;
			return table->items[mid].mask;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*ret_found = false;
	return 0;
}

static int rebase_port(const struct port_mask *key, const struct port_table *const tables[3],
		       tproxy_mask used, struct port_table *target)
{
	struct triple t = { 0 };
	tproxy_mask mask;
	bool known;

	mask = port_mask_of(tables[0], key, &known);
	take_actual(&t, known ? &mask : NULL, used, 0);
	t.before = port_mask_of(tables[1], key, &t.in_before);
	t.after = port_mask_of(tables[2], key, &t.in_after);
	return settle(&t, &mask) ? port_table_append(target, key->proto, key->port, mask) : 0;
}

static int rebase_ports(const struct port_table *const tables[3], tproxy_mask used,
			struct port_table *target)
{
	const struct port_table *actual = tables[0], *after = tables[2];
	bool known;
	int err = 0;

	for (size_t i = 0; i < actual->n && !err; i++)
		err = rebase_port(&actual->items[i], tables, used, target);
	for (size_t i = 0; i < after->n && !err; i++) {
		port_mask_of(actual, &after->items[i], &known);
		if (!known)
			err = rebase_port(&after->items[i], tables, used, target);
	}
	return err;
}

int tables_rebase(const struct tables *actual, const struct tables *before,
		  const struct tables *after, struct tables *ret_target)
{
	const struct prefix_table *const dst[] = { &actual->dst, &before->dst, &after->dst };
	const struct prefix_table *const src[] = { &actual->src, &before->src, &after->src };
	const struct port_table *const ports[] = { &actual->ports, &before->ports, &after->ports };
	struct tables target = { .active = after->active };
	tproxy_mask used = 0;
	int err;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		used |= is_unused(&actual->rules[i]) ? 0 : 1ULL << i;
	err = rebase_prefixes(dst, used, &target.dst);
	if (!err)
		err = rebase_prefixes(src, used, &target.src);
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
