/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Orders the rows of flows of many clients by their length, with a constant cost for each flow that
 * comes or goes: rows of the same length stand on one rung, as in a list of least frequently used
 * entries. Must not know what a row belongs to.
 */
#ifndef TPROXY_RELAY_ADMIT_LADDER_H
#define TPROXY_RELAY_ADMIT_LADDER_H

#include "relay/admit/flowlink.h"

/*
 * n different numbers of flows need n * (n + 1) / 2 flows: enough for two million. With still more,
 * lanes of different lengths share a rung.
 */
#define RUNGS 2048

TAILQ_HEAD(flow_queue, flow_link);

/* The flows of one kind in a lane. */
struct row {
	TAILQ_ENTRY(row) link; /* of its rung, the longest quiet first */
	struct lane *lane;
	struct rung *rung; /* NULL: it is empty */
	struct flow_queue flows;
	unsigned int count;
};

/* Rows with the same number of flows. */
struct rung {
	TAILQ_ENTRY(rung) link; /* of its ladder, the shortest rows first */
	TAILQ_HEAD(, row) rows;
	unsigned int count; /* flows of each row */
};

TAILQ_HEAD(rung_queue, rung);

/* All rows of one kind. */
struct ladder {
	struct rung_queue rungs;
	struct rung_queue spare;
	unsigned int used;  /* of store; the others have never been touched */
	unsigned int count; /* flows */
	struct rung store[RUNGS];
};

/* A flow more, the last of the row; one less. */
void row_add(struct ladder *ladder, struct row *row, struct flow_link *flow);
void row_remove(struct ladder *ladder, struct row *row, struct flow_link *flow);

#endif
