/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When to give a repair up because another program undoes it each time: when it was done too often
 * within a minute. It is tried again only after things were in order. Knows nothing of the repair.
 */
#ifndef TPROXY_LOADER_WATCH_PATIENCE_H
#define TPROXY_LOADER_WATCH_PATIENCE_H

#include "loader/watch/repeats.h"

struct patience {
	struct repeats tries;
	bool lost;
};

enum patience_answer {
	PATIENCE_TRY,  /* noted as done now */
	PATIENCE_LOSE, /* it is given up from now on; answered once, to report it */
	PATIENCE_REST, /* it was given up */
};

enum patience_answer patience_ask(struct patience *p, uint64_t now_ms);
/* The repair is not needed now. If it was given up, counting starts from zero. */
void patience_calm(struct patience *p);

/* One for each thing, by a number that is not 0, such as an ifindex. */
#define PATIENCE_KEYS 64
struct patience_table {
	uint32_t keys[PATIENCE_KEYS];
	struct patience items[PATIENCE_KEYS];
};

/* Never NULL: when the table is full, several things share one. */
struct patience *patience_of(struct patience_table *table, uint32_t key);

#endif
