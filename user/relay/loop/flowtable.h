/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All flows of one thread, TCP and UDP alike: each has a slot from its begin to its end, so that a
 * walk can pause after any slot while flows come and go. Joining and leaving cost the same with ten
 * flows or a million. Owns the slots, not the flows; must not know what a flow is. Not thread safe.
 */
#ifndef TPROXY_RELAY_LOOP_FLOWTABLE_H
#define TPROXY_RELAY_LOOP_FLOWTABLE_H

#include <stddef.h>
#include <stdint.h>

struct flow_member;
struct flow_view;

struct flow_ops {
	void (*describe)(const struct flow_member *member, struct flow_view *ret_view);
	void (*end)(struct flow_member *member); /* leaves the table, too */
};

/* Part of a flow. All zero: it has no slot. */
struct flow_member {
	const struct flow_ops *ops;
	uint32_t slot;
};

struct flow_slot {
	struct flow_member *member; /* NULL: unused */
	uint32_t next;              /* unused slot, or FLOWTABLE_NONE */
};

#define FLOWTABLE_NONE UINT32_MAX

struct flow_table {
	struct flow_slot *slots;
	size_t n; /* slots that have ever been used */
	size_t room;
	uint32_t unused; /* the first one below n, or FLOWTABLE_NONE */
};

void flowtable_init(struct flow_table *table);
void flowtable_free(struct flow_table *table);

/* 0 or -ENOMEM. */
int flowtable_join(struct flow_table *table, struct flow_member *member,
		   const struct flow_ops *ops);

/* Does nothing for a member without a slot. */
void flowtable_leave(struct flow_table *table, struct flow_member *member);

/*
 * The first member at *cursor or after it; moves *cursor past it, but not by more than `most` slots.
 * NULL: there is none among these. A walk from 0 to table->n sees each flow that lives all the
 * time exactly once: a flow never changes its slot.
 */
struct flow_member *flowtable_next(const struct flow_table *table, size_t *cursor, size_t most);

#endif
