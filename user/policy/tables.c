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

void tables_free(struct tables *tables)
{
	free(tables->dst.items);
	free(tables->src.items);
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
	sort_ports(&tables->ports);
}

/*
 * Calls cb for each entry of a sorted table with the nearest entry that covers it, or NULL. The
 * prefixes that cover the present one are on a stack, at most 129 deep.
 */
static int walk_covering(struct prefix_table *table,
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

static void compile_rule(const struct rule *rule, struct tproxy_rule *to)
{
	*to = (struct tproxy_rule){
		.action = (__u8)rule->action,
		.on_down = (__u8)rule->on_down,
		.proxy_port = htons(rule->proxy.port),
		.unrouted = (__u8)rule->unrouted,
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

int tables_compile(const struct policy *policy, struct tables *ret_tables)
{
	struct tables tables = { 0 };
	int err = 0;

	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++) {
		const struct rule *rule = &policy->rules[i];

		if (!rule->used)
			continue;
		tables.active |= bit(i);
		compile_rule(rule, &tables.rules[i]);
		err = append_set(&tables.dst, &rule->to, bit(i));
		if (!err)
			err = append_set(&tables.src, &rule->from, bit(i));
		if (!err)
			err = append_services(&tables.ports, &rule->services, bit(i));
	}
	if (err) {
		tables_free(&tables);
		return err;
	}
	tables_sort(&tables);
	walk_covering(&tables.dst, inherit, NULL);
	walk_covering(&tables.src, inherit, NULL);
	drop_covered(&tables.dst);
	drop_covered(&tables.src);
	*ret_tables = tables;
	return 0;
}

/* ---- back into a policy ------------------------------------------------- */

struct read_back {
	struct policy *policy;
	bool source;
};

static int own_bits(struct prefix_mask *entry, const struct prefix_mask *cover, void *arg)
{
	struct read_back *back = arg;
	tproxy_mask own = entry->mask & ~(cover ? cover->mask : 0);

	for (; own; own &= own - 1) {
		struct rule *rule = &back->policy->rules[__builtin_ctzll(own)];
		int err;

		if (!rule->used)
			continue;
		err = prefix_set_append(back->source ? &rule->from : &rule->to, &entry->prefix);
		if (err)
			return err;
	}
	return 0;
}

static int read_ports(const struct port_table *table, struct policy *policy)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct port_mask *entry = &table->items[i];
		struct port_range range = { entry->port, entry->port };

		for (tproxy_mask mask = entry->mask; mask; mask &= mask - 1) {
			struct rule *rule = &policy->rules[__builtin_ctzll(mask)];
			int err;

			if (!rule->used)
				continue;
			err = service_set_add(&rule->services, entry->proto, range);
			if (err)
				return err;
		}
	}
	return 0;
}

static void read_rule(const struct tproxy_rule *from, struct rule *rule)
{
	static const __u8 loopback4[4] = { 127, 0, 0, 1 };
	static const __u8 loopback6[16] = { [15] = 1 };

	rule->used = true;
	/* One that is not known, by hand or of a newer build, means what the data path does. */
	rule->action = from->action < TPROXY_ACTION_MAX ? from->action : TPROXY_ACTION_DROP;
	rule->on_down = from->on_down;
	rule->unrouted =
		from->unrouted < TPROXY_UNROUTED_MAX ? from->unrouted : TPROXY_UNROUTED_PASS;
	memcpy(rule->name, from->name, sizeof(rule->name));
	rule->name[sizeof(rule->name) - 1] = '\0';
	rule->proxy.port = ntohs(from->proxy_port);
	if (!rule->proxy.port)
		return;
	if (memcmp(from->proxy4, loopback4, sizeof(loopback4))) {
		rule->proxy.family = AF_INET;
		memcpy(rule->proxy.addr, from->proxy4, sizeof(from->proxy4));
	} else if (memcmp(from->proxy6, loopback6, sizeof(loopback6))) {
		rule->proxy.family = AF_INET6;
		memcpy(rule->proxy.addr, from->proxy6, sizeof(from->proxy6));
	}
}

int tables_to_policy(const struct tables *tables, struct policy *ret_policy)
{
	struct policy policy = { 0 };
	struct read_back back = { .policy = &policy };
	struct tables walk = *tables; /* own_bits changes nothing */
	int err;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (tables->active & bit(i))
			read_rule(&tables->rules[i], &policy.rules[i]);
	err = walk_covering(&walk.dst, own_bits, &back);
	back.source = true;
	if (!err)
		err = walk_covering(&walk.src, own_bits, &back);
	if (!err)
		err = read_ports(&tables->ports, &policy);
	if (err)
		policy_free(&policy);
	else
		*ret_policy = policy;
	return err;
}
