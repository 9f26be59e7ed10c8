/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/threads.h"

void threads_order(struct relay_thread *threads, unsigned int count, enum thread_order order)
{
	for (unsigned int i = 0; i < count; i++)
		thread_order(&threads[i], order);
}

bool threads_have_paused(const struct relay_thread *threads, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (!atomic_load(&threads[i].paused))
			return false;
	return true;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t threads_next_id(const struct relay_thread *threads, unsigned int count)
{
	uint64_t next = 0;

	for (unsigned int i = 0; i < count; i++)
		next = later(next, atomic_load(&threads[i].next_id));
	return next;
}

uint64_t threads_latest_id(const struct relay_thread *threads, unsigned int count)
{
	uint64_t latest = 0;

	for (unsigned int i = 0; i < count; i++)
		latest = later(latest, atomic_load(&threads[i].ctx.worker.latest_id));
	return latest;
}
