/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/watch/repeats.h"

void repeats_note(struct repeats *repeats, uint64_t now_ms)
{
	repeats->at[repeats->n++ % REPEATS_MANY] = now_ms;
}

bool repeats_are_many(const struct repeats *repeats, uint64_t now_ms)
{
	const uint64_t oldest = repeats->at[repeats->n % REPEATS_MANY];

	return repeats->n >= REPEATS_MANY && now_ms - oldest < REPEATS_WINDOW_MS;
}
