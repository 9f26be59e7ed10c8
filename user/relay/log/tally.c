/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/log/tally.h"

#include <stdatomic.h>

#include "lib/util.h"

static struct {
	_Atomic uint64_t count;
	_Atomic uint64_t latest; /* ms */
} tallies[TALLY_MAX];

void tally_add(enum tally_kind kind, uint64_t n)
{
	atomic_store(&tallies[kind].latest, monotonic_ms());
	atomic_fetch_add(&tallies[kind].count, n);
}

uint64_t tally_read(enum tally_kind kind, uint64_t *ret_ago_ms)
{
	uint64_t count = atomic_load(&tallies[kind].count);

	*ret_ago_ms = count ? monotonic_ms() - atomic_load(&tallies[kind].latest) : 0;
	return count;
}
