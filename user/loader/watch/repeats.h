/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How often something was done lately: whether a repair is repeated because another program undoes
 * it each time. Knows nothing of what is done.
 */
#ifndef TPROXY_LOADER_WATCH_REPEATS_H
#define TPROXY_LOADER_WATCH_REPEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPEATS_MANY 10
#define REPEATS_WINDOW_MS 60000

struct repeats {
	uint64_t at[REPEATS_MANY]; /* of the latest ones, ms; a ring */
	size_t n;                  /* so far */
};

void repeats_note(struct repeats *repeats, uint64_t now_ms);
/* Were there REPEATS_MANY within the window until now? */
bool repeats_are_many(const struct repeats *repeats, uint64_t now_ms);

#endif
