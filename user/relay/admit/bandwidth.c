/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/admit/bandwidth.h"

#define NS_PER_S 1000000000ULL
#define BURST_NS (NS_PER_S / 6) /* longer than a connection waits for bytes */
#define BURST_BYTES 65536       /* or the largest datagram, if that is more */

static uint64_t scale(uint64_t value, uint64_t by, uint64_t per)
{
	return (uint64_t)((unsigned __int128)value * by / per);
}

/* How far ahead of its time the last byte may be. */
static uint64_t burst_of(uint64_t rate)
{
	uint64_t ns = scale(BURST_BYTES, NS_PER_S, rate);

	return ns > BURST_NS ? ns : BURST_NS;
}

static uint64_t half_of(uint64_t rate)
{
	return rate > 1 ? rate / 2 : 1;
}

static size_t room(uint64_t due, uint64_t rate, uint64_t now)
{
	uint64_t last = now + burst_of(rate);

	if (due < now)
		due = now;
	return due < last ? (size_t)scale(last - due, rate, NS_PER_S) : 0;
}

static void spend(_Atomic uint64_t *due, uint64_t rate, size_t bytes, uint64_t now)
{
	uint64_t cost = scale(bytes, NS_PER_S, rate);
	uint64_t old = atomic_load(due);

	while (!atomic_compare_exchange_weak(due, &old, (old < now ? now : old) + cost))
		;
}

size_t bandwidth_room(const struct bandwidth *b, uint64_t rate, enum bandwidth_use use,
		      uint64_t now)
{
	size_t of_all = room(atomic_load(&b->due), rate, now);
	size_t of_use = room(atomic_load(&b->due_of[use]), half_of(rate), now);

	return of_all > of_use ? of_all : of_use;
}

/* What a use takes of the other half is no debt of its own half. */
void bandwidth_spend(struct bandwidth *b, uint64_t rate, enum bandwidth_use use, size_t bytes,
		     uint64_t now)
{
	uint64_t half = half_of(rate);

	spend(&b->due, rate, bytes, now);
	if (atomic_load(&b->due_of[use]) < now + burst_of(half))
		spend(&b->due_of[use], half, bytes, now);
}
