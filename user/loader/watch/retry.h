/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether to repeat a repair that another program undoes each time: it is given up after too many
 * times within a minute, until it was not needed once. Knows nothing of the repair.
 */
#ifndef TPROXY_LOADER_WATCH_RETRY_H
#define TPROXY_LOADER_WATCH_RETRY_H

#include "loader/watch/repeats.h"

struct retry {
	struct repeats tries;
	bool given_up;
};

enum retry_answer {
	RETRY_NOW,      /* noted as done now */
	RETRY_GIVE_UP,  /* it is given up from now on; answered once, to report it */
	RETRY_GIVEN_UP, /* it was given up */
};

enum retry_answer retry_ask(struct retry *retry, uint64_t now_ms);
/* The repair is not needed now. If it was given up, counting starts from zero. */
void retry_reset(struct retry *retry);

/* One for each thing, by a number that is not 0, such as an ifindex. */
#define RETRY_KEYS 64
struct retry_table {
	uint32_t keys[RETRY_KEYS];
	struct retry items[RETRY_KEYS];
};

/* Never NULL: when the table is full, several things share one. */
struct retry *retry_of(struct retry_table *table, uint32_t key);

#endif
