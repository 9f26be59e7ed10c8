/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/loop/flowtable.h"

#include "lib/util.h"

void flowtable_init(struct flow_table *table)
{
	*table = (struct flow_table){ .unused = FLOWTABLE_NONE };
}

void flowtable_free(struct flow_table *table)
{
	free(table->slots);
	flowtable_init(table);
}

static int take_slot(struct flow_table *table, uint32_t *ret_slot)
{
	int err;

	if (table->unused != FLOWTABLE_NONE) {
		*ret_slot = table->unused;
		table->unused = table->slots[*ret_slot].next;
		return 0;
	}
	err = array_room((void **)&table->slots, table->n, &table->room, sizeof(*table->slots));
	if (!err)
		*ret_slot = (uint32_t)table->n++;
	return err;
}

int flowtable_join(struct flow_table *table, struct flow_member *member, const struct flow_ops *ops)
{
	uint32_t slot;
	int err = take_slot(table, &slot);

	if (err)
		return err;
	table->slots[slot] = (struct flow_slot){ .member = member };
	*member = (struct flow_member){ .ops = ops, .slot = slot };
	return 0;
}

void flowtable_leave(struct flow_table *table, struct flow_member *member)
{
	if (!member->ops)
		return;
	table->slots[member->slot] = (struct flow_slot){ .next = table->unused };
	table->unused = member->slot;
	member->ops = NULL;
}

struct flow_member *flowtable_next(const struct flow_table *table, size_t *cursor, size_t most)
{
	size_t end = table->n < *cursor + most ? table->n : *cursor + most;

	while (*cursor < end) {
		struct flow_member *member = table->slots[(*cursor)++].member;

		if (member)
			return member;
	}
	return NULL;
}
