/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/admit/ladder.h"

#include <stddef.h>

/* NULL: all are in use. */
static struct rung *rung_new(struct ladder *ladder, unsigned int count)
{
	struct rung *rung = TAILQ_FIRST(&ladder->spare);

	if (rung)
		TAILQ_REMOVE(&ladder->spare, rung, link);
	else if (ladder->used < RUNGS)
		rung = &ladder->store[ladder->used++];
	else
		return NULL;
	TAILQ_INIT(&rung->rows);
	rung->count = count;
	return rung;
}

/* The rung for rows one longer than those of `rung`, which is NULL for empty ones. */
static struct rung *rung_above(struct ladder *ladder, struct rung *rung, unsigned int count)
{
	struct rung *next = rung ? TAILQ_NEXT(rung, link) : TAILQ_FIRST(&ladder->rungs);

	if (next && next->count == count)
		return next;
	next = rung_new(ladder, count);
	if (!next)
		return rung ? rung : TAILQ_FIRST(&ladder->rungs);
	if (rung)
		TAILQ_INSERT_AFTER(&ladder->rungs, rung, next, link);
	else
		TAILQ_INSERT_HEAD(&ladder->rungs, next, link);
	return next;
}

/* The one for rows one shorter. */
static struct rung *rung_below(struct ladder *ladder, struct rung *rung, unsigned int count)
{
	struct rung *previous = TAILQ_PREV(rung, rung_queue, link);

	if (previous && previous->count == count)
		return previous;
	previous = rung_new(ladder, count);
	if (!previous)
		return rung;
	TAILQ_INSERT_BEFORE(rung, previous, link);
	return previous;
}

static void row_leave(struct ladder *ladder, struct row *row)
{
	struct rung *rung = row->rung;

	TAILQ_REMOVE(&rung->rows, row, link);
	if (!TAILQ_EMPTY(&rung->rows))
		return;
	TAILQ_REMOVE(&ladder->rungs, rung, link);
	TAILQ_INSERT_HEAD(&ladder->spare, rung, link);
}

/* rung: NULL for an empty row. */
static void row_move(struct ladder *ladder, struct row *row, struct rung *rung)
{
	if (row->rung)
		row_leave(ladder, row);
	row->rung = rung;
	if (rung)
		TAILQ_INSERT_TAIL(&rung->rows, row, link);
}

void row_add(struct ladder *ladder, struct row *row, struct flow_link *flow)
{
	TAILQ_INSERT_TAIL(&row->flows, flow, link);
	row->count++;
	ladder->count++;
	row_move(ladder, row, rung_above(ladder, row->rung, row->count));
}

void row_remove(struct ladder *ladder, struct row *row, struct flow_link *flow)
{
	TAILQ_REMOVE(&row->flows, flow, link);
	row->count--;
	ladder->count--;
	row_move(ladder, row, row->count ? rung_below(ladder, row->rung, row->count) : NULL);
}
