/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When to stop doing the same thing again because somebody else undoes it each time: after
 * PATIENCE_TIMES within a minute. Knows nothing of what is done.
 */
#ifndef TPROXY_LOADER_WATCH_PATIENCE_H
#define TPROXY_LOADER_WATCH_PATIENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATIENCE_TIMES 10
#define PATIENCE_MS 60000

struct patience {
	uint64_t at[PATIENCE_TIMES]; /* of the last ones, ms; a ring */
	size_t n;                    /* so far */
	bool lost;
};

enum patience_answer {
	PATIENCE_TRY,  /* noted as done now */
	PATIENCE_LOSE, /* once: say so */
	PATIENCE_REST, /* it is given up */
};

enum patience_answer patience_ask(struct patience *p, uint64_t now_ms);
/* What had to be done again is in order: after a loss, all begins from zero. */
void patience_calm(struct patience *p);

/* One for each thing, by a number that is not 0, such as an ifindex. */
#define PATIENCE_KEYS 64
struct patience_table {
	uint32_t keys[PATIENCE_KEYS];
	struct patience items[PATIENCE_KEYS];
};

/* Never NULL: when there is no room, things share one. */
struct patience *patience_of(struct patience_table *table, uint32_t key);

#endif
