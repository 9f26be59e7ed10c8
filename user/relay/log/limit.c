/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/log/limit.h"

#include <pthread.h>

#include "lib/util.h"
#include "relay/log/due.h"

#define PENDING_MAX 64 /* kinds of lines; there are fewer */

/* Limits that left something out. Few: each kind of line has one. */
static struct {
	pthread_mutex_t lock;
	size_t n;
	struct {
		struct record_limit *limit;
		uint64_t at; /* ms of CLOCK_MONOTONIC */
	} items[PENDING_MAX];
} pending = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool is_pending(const struct record_limit *limit)
{
	for (size_t i = 0; i < pending.n; i++)
		if (pending.items[i].limit == limit)
			return true;
	return false;
}

static void make_pending(struct record_limit *limit)
{
	pthread_mutex_lock(&pending.lock);
	if (pending.n < PENDING_MAX && !is_pending(limit)) {
		pending.items[pending.n].limit = limit;
		pending.items[pending.n++].at = monotonic_ms() + limit->window_ms;
	}
	pthread_mutex_unlock(&pending.lock);
	due_in(limit->window_ms);
}

bool record_limit_take(struct record_limit *limit, uint64_t now)
{
	uint64_t begin = atomic_load(&limit->begin);
	/* Unsigned: a clock that was set back opens a new window. */
	bool over = !begin || now - begin >= limit->window_ms;

	/* One of the threads that come here opens the next window. */
	if (over && atomic_compare_exchange_strong(&limit->begin, &begin, now))
		atomic_store(&limit->count, 0);
	if (atomic_fetch_add(&limit->count, 1) < limit->max)
		return true;
	if (!atomic_fetch_add(&limit->left_out, 1))
		make_pending(limit);
	return false;
}

/* Takes one that is due out of the list. NULL: none is; the others are due later. */
static struct record_limit *take_due(bool all, uint64_t now)
{
	struct record_limit *limit = NULL;

	pthread_mutex_lock(&pending.lock);
	for (size_t i = 0; i < pending.n && !limit; i++) {
		if (!all && pending.items[i].at > now) {
			due_in(pending.items[i].at - now);
			continue;
		}
		limit = pending.items[i].limit;
		pending.items[i] = pending.items[--pending.n];
	}
	pthread_mutex_unlock(&pending.lock);
	return limit;
}

void limits_report(bool all, void (*say)(const char *what, unsigned int count))
{
	uint64_t now = monotonic_ms();
	struct record_limit *limit;

	while ((limit = take_due(all, now))) {
		unsigned int count = atomic_exchange(&limit->left_out, 0);

		if (count)
			say(limit->what, count);
	}
}
