/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/tables.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/util.h"

static tproxy_mask bit(int rule)
{
	return 1ULL << rule;
}

int prefix_table_append(struct prefix_table *table, const struct prefix *prefix, tproxy_mask mask)
{
	int err = array_room((void **)&table->items, table->n, &table->room, sizeof(*table->items));

	if (!err)
		table->items[table->n++] = (struct prefix_mask){ *prefix, mask };
	return err;
}

int port_table_append(struct port_table *table, __u8 proto, __u16 port, tproxy_mask mask)
{
	int err = array_room((void **)&table->items, table->n, &table->room, sizeof(*table->items));

	if (!err)
		table->items[table->n++] = (struct port_mask){ proto, port, mask };
	return err;
}

bool tables_rule_is_used(const struct tproxy_rule *rule)
{
	return rule->action != TPROXY_ACTION_NONE;
}

/* A value that is not known, by hand, means what the data path does. */
bool tables_rule_is_local(const struct tproxy_rule *rule)
{
	return tables_rule_is_used(rule) && rule->local != TPROXY_LOCAL_NO;
}

void tables_free(struct tables *tables)
{
	free(tables->dst.items);
	free(tables->src.items);
	free(tables->owners.items);
	free(tables->ports.items);
	*tables = (struct tables){ 0 };
}

/* ---- sorting and merging ------------------------------------------------ */

static int prefix_order(const void *a, const void *b)
{
	const struct prefix_mask *x = a, *y = b;

	return prefix_cmp(&x->prefix, &y->prefix);
}

int port_mask_cmp(const struct port_mask *a, const struct port_mask *b)
{
	if (a->proto != b->proto)
		return a->proto - b->proto;
	return a->port - b->port;
}

static int port_order(const void *a, const void *b)
{
	return port_mask_cmp(a, b);
}

static void sort_prefixes(struct prefix_table *table)
{
	size_t kept = 0;

	if (!table->n)
		return;
	qsort(table->items, table->n, sizeof(*table->items), prefix_order);
	for (size_t i = 1; i < table->n; i++) {
		if (!prefix_cmp(&table->items[kept].prefix, &table->items[i].prefix))
			table->items[kept].mask |= table->items[i].mask;
		else
			table->items[++kept] = table->items[i];
	}
	table->n = kept + 1;
}

static void sort_ports(struct port_table *table)
{
	size_t kept = 0;

	if (!table->n)
		return;
	qsort(table->items, table->n, sizeof(*table->items), port_order);
	for (size_t i = 1; i < table->n; i++) {
		if (!port_mask_cmp(&table->items[kept], &table->items[i]))
			table->items[kept].mask |= table->items[i].mask;
		else
			table->items[++kept] = table->items[i];
	}
	table->n = kept + 1;
}

void tables_sort(struct tables *tables)
{
	sort_prefixes(&tables->dst);
	sort_prefixes(&tables->src);
	sort_prefixes(&tables->owners);
	sort_ports(&tables->ports);
}

/* The prefixes that cover the present one are on a stack, at most 129 deep. */
int prefix_table_walk(struct prefix_table *table,
		      int (*cb)(struct prefix_mask *entry, const struct prefix_mask *cover,
				void *arg),
		      void *arg)
{
	struct prefix_mask *stack[130];
	size_t depth = 0;

	for (size_t i = 0; i < table->n; i++) {
		struct prefix_mask *entry = &table->items[i];
		int err;

		while (depth && !prefix_covers(&stack[depth - 1]->prefix, &entry->prefix))
			depth--;
		err = cb(entry, depth ? stack[depth - 1] : NULL, arg);
		if (err)
			return err;
		stack[depth++] = entry;
	}
	return 0;
}

static int inherit(struct prefix_mask *entry, const struct prefix_mask *cover, void *arg)
{
	if (cover)
		entry->mask |= cover->mask;
	return 0;
}

/*
 * Drops entries with the mask of their covering prefix. They change no answer, and a policy that is
 * read back would not have them.
 */
static void drop_covered(struct prefix_table *table)
{
	struct prefix_mask stack[130]; /* copies: the entries move */
	size_t depth = 0, kept = 0;

	for (size_t i = 0; i < table->n; i++) {
		const struct prefix_mask entry = table->items[i];

		while (depth && !prefix_covers(&stack[depth - 1].prefix, &entry.prefix))
			depth--;
		if (depth && stack[depth - 1].mask == entry.mask)
			continue;
		stack[depth++] = entry;
		table->items[kept++] = entry;
	}
	table->n = kept;
}

/* ---- compile ------------------------------------------------------------ */

static int append_set(struct prefix_table *table, const struct prefix_set *set, tproxy_mask mask)
{
	for (size_t i = 0; i < set->n; i++) {
		int err = prefix_table_append(table, &set->items[i], mask);

		if (err)
			return err;
	}
	return 0;
}

static int append_services(struct port_table *table, const struct service_set *set,
			   tproxy_mask mask)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct service *s = &set->items[i];

		for (unsigned int port = s->range.first; port <= s->range.last; port++) {
			int err = port_table_append(table, s->proto, (__u16)port, mask);

			if (err)
				return err;
		}
	}
	return 0;
}

struct owner_append {
	struct prefix_table *table;
	tproxy_mask mask;
};

static int append_owner(const struct prefix *prefix, void *arg)
{
	const struct owner_append *to = arg;

	return prefix_table_append(to->table, prefix, to->mask);
}

/* Of each kind a rule for own traffic has entries: for anybody, or for those that it names. */
static int append_owners(struct prefix_table *table, const struct rule *rule, tproxy_mask mask)
{
	struct owner_append to = { table, mask };
	int err = 0;

	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX && !err && rule_is_local(rule); kind++)
		err = owner_set_prefixes(kind, &rule->owners[kind], append_owner, &to);
	return err;
}

static void compile_rule(const struct rule *rule, struct tproxy_rule *to)
{
	*to = (struct tproxy_rule){
		.action = (__u8)rule->action,
		.on_down = (__u8)rule->on_down,
		.proxy_port = htons(rule->proxy.port),
		.unrouted = (__u8)rule->unrouted,
		.local = (__u8)rule->local,
	};
	snprintf((char *)to->name, sizeof(to->name), "%s", rule->name);
	if (!rule->proxy.port)
		return;
	memcpy(to->proxy4, (__u8[]){ 127, 0, 0, 1 }, sizeof(to->proxy4));
	to->proxy6[15] = 1;
	if (rule->proxy.family == AF_INET)
		memcpy(to->proxy4, rule->proxy.addr, sizeof(to->proxy4));
	else if (rule->proxy.family == AF_INET6)
		memcpy(to->proxy6, rule->proxy.addr, sizeof(to->proxy6));
}

static int append_rule(struct tables *tables, const struct rule *rule, int index)
{
	int err = append_set(&tables->dst, &rule->to, bit(index));

	tables->active |= bit(index);
	compile_rule(rule, &tables->rules[index]);
	if (!err)
		err = append_set(&tables->src, &rule->from, bit(index));
	if (!err)
		err = append_owners(&tables->owners, rule, bit(index));
	return err ? err : append_services(&tables->ports, &rule->services, bit(index));
}

static void complete(struct prefix_table *table)
{
	prefix_table_walk(table, inherit, NULL);
	drop_covered(table);
}

int tables_compile(const struct policy *policy, struct tables *ret_tables)
{
	struct tables tables = { 0 };
	int err = 0;

	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++)
		if (policy->rules[i].used)
			err = append_rule(&tables, &policy->rules[i], i);
	if (err) {
		tables_free(&tables);
		return err;
	}
	tables_sort(&tables);
	complete(&tables.dst);
	complete(&tables.src);
	complete(&tables.owners);
	*ret_tables = tables;
	return 0;
}
