/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/listeners/table.h"

#include <string.h>

/* ---- rows --------------------------------------------------------------- */

static struct listener_row *row_of(struct listener_table *table, const struct listener *listener)
{
	struct listener_row *row;

	for (size_t i = 0; i < table->n; i++)
		if (table->rows[i].listener == listener)
			return &table->rows[i];
	if (array_room((void **)&table->rows, table->n, &table->room, sizeof(*row)))
		return NULL;
	row = &table->rows[table->n++];
	*row = (struct listener_row){ .listener = listener, .group = NO_GROUP };
	row->adopted = records_socket(&table->records, listener->cookie) != NULL;
	return row;
}

static int add_slot(struct listener_table *table, __u32 group, __u64 cookie)
{
	const struct listener *listener =
		cookie ? listeners_by_cookie(&table->listening.listeners, cookie) : NULL;
	struct listener_row *row = listener ? row_of(table, listener) : NULL;

	if (!row)
		return listener ? -ENOMEM : 0;
	row->group = group;
	row->ways++;
	return 0;
}

/* The groups after that hold what the programs found by port, and probes. */
static int add_slots(struct listener_table *table, const struct state *state)
{
	const __u32 end = TPROXY_PROBE_SLOT(0);
	int err = 0;

	for (__u32 slot = 0; slot < end && !err; slot++)
		err = add_slot(table, slot / TPROXY_GROUP_SLOTS,
			       policy_maps_slot_cookie(state, slot));
	return err;
}

static int add_adopted(struct listener_table *table)
{
	for (size_t i = 0; i < table->records.n_sockets; i++) {
		const struct listener *listener = listeners_by_cookie(
			&table->listening.listeners, table->records.sockets[i].cookie);

		if (listener && !row_of(table, listener))
			return -ENOMEM;
	}
	return 0;
}

/* ---- rules -------------------------------------------------------------- */

/* Of a SO_REUSEPORT group, a look-up finds each member in turn. */
static bool is_member(const struct listener *listener, const struct listener *found)
{
	return listener->protocol == found->protocol && listener->port == found->port &&
	       listener->family == found->family && listener->device == found->device &&
	       !memcmp(listener->addr, found->addr, sizeof(found->addr));
}

static int add_members(struct listener_table *table, const struct listener *found,
		       const struct listener_gap *use)
{
	const struct listeners *all = &table->listening.listeners;

	for (size_t i = 0; i < all->n; i++) {
		struct listener_row *row;

		if (!is_member(&all->items[i], found))
			continue;
		row = row_of(table, &all->items[i]);
		if (!row)
			return -ENOMEM;
		row->rules |= 1ULL << use->rule;
		if (use->found != FOUND_OK && use->found != FOUND_PARTLY)
			row->found = use->found;
	}
	return 0;
}

/* All sockets of the relay that take this class. */
static int add_relay(struct listener_table *table, const struct listener_gap *use)
{
	for (int way = 0; way < TPROXY_GROUP_WAYS; way++) {
		const __u64 cookie = table->listening.slots[use->cls][way];
		const struct listener *listener =
			cookie ? listeners_by_cookie(&table->listening.listeners, cookie) : NULL;
		struct listener_row *row = listener ? row_of(table, listener) : NULL;

		if (listener && !row)
			return -ENOMEM;
		if (row)
			row->rules |= 1ULL << use->rule;
	}
	return 0;
}

static int add_use(struct listener_table *table, int number, enum tproxy_class cls)
{
	const struct rule *rule = &table->policy.rules[number];
	struct listener_gap use = { .rule = number, .cls = cls };
	const struct listener *found;

	use.found = listening_find(&table->listening, rule, cls, NULL, &found);
	if (use.found != FOUND_OK)
		table->gaps[table->n_gaps++] = use;
	if (!rule->proxy.port)
		return add_relay(table, &use);
	return found ? add_members(table, found, &use) : 0;
}

static int add_rules(struct listener_table *table)
{
	int err = 0;

	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++) {
		const struct rule *rule = &table->policy.rules[i];
		const __u8 wanted = rule_is_proxy(rule) ? listening_wanted(rule) : 0;

		for (enum tproxy_class cls = 0; cls < TPROXY_CLASS_MAX && !err; cls++)
			if (wanted >> cls & 1)
				err = add_use(table, i, cls);
	}
	return err;
}

/* ---- the whole ---------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
	const struct listener *l = ((const struct listener_row *)a)->listener;
	const struct listener *r = ((const struct listener_row *)b)->listener;

	if (l->port != r->port)
		return l->port < r->port ? -1 : 1;
	if (l->protocol != r->protocol)
		return l->protocol < r->protocol ? -1 : 1;
	if (l->family != r->family)
		return l->family < r->family ? -1 : 1;
	return l->cookie < r->cookie ? -1 : l->cookie > r->cookie;
}

static void find_holders(struct listener_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		if (!listener_holder(table->rows[i].listener, &table->rows[i].holder))
			table->rows[i].holder = (struct holder){ .pid = 0 };
}

int listener_table_read(const struct session *session, struct listener_table *table)
{
	const struct state *state = &session->state;
	int err;

	*table = (struct listener_table){ .records = RECORDS_CLOSED };
	err = policy_maps_read(state, &table->policy);
	if (!err)
		err = listening_open(&table->listening, state);
	if (!err)
		err = records_open(state, &table->records);
	if (!err)
		err = add_slots(table, state);
	if (!err)
		err = add_rules(table);
	if (!err)
		err = add_adopted(table);
	if (err)
		return err;
	if (table->n)
		qsort(table->rows, table->n, sizeof(*table->rows), by_place);
	find_holders(table);
	return 0;
}

void listener_table_close(struct listener_table *table)
{
	listening_close(&table->listening);
	records_close(&table->records);
	policy_free(&table->policy);
	free(table->rows);
	*table = (struct listener_table){ .records = RECORDS_CLOSED };
}
