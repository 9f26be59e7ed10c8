/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/log/throttle.h"

#include <string.h>
#include <sys/random.h>

#include "lib/util.h"

#define WAYS 8 /* places for one hash */
#define SETS (THROTTLE_CLIENTS / WAYS)

struct slot {
	union saddr client; /* family 0: free */
	enum flow_end end;
	uint64_t arrival; /* see rate_take */
	uint64_t left_out;
};

struct throttle {
	uint32_t seed; /* secret: clients could choose addresses that meet in one set */
	uint64_t arrivals[END_MAX];
	uint64_t others[END_MAX]; /* left out, of clients that found no slot */
	struct slot slots[SETS][WAYS];
};

struct throttle *throttle_new(void)
{
	struct throttle *t = calloc(1, sizeof(*t));

	if (t && getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) < 0)
		t->seed = (uint32_t)(uintptr_t)t;
	return t;
}

void throttle_free(struct throttle *t)
{
	free(t);
}

/*
 * The generic cell rate algorithm (ITU-T I.371): `arrival`, in ms, is when the next record would be
 * due if all came evenly.
 */
static bool rate_take(uint64_t *arrival, unsigned int rate, unsigned int burst, uint64_t now)
{
	uint64_t step = 1000 / rate;
	uint64_t from = *arrival > now ? *arrival : now;

	if (from + step > now + burst * step)
		return false;
	*arrival = from + step;
	return true;
}

static bool is_free(const struct slot *s, uint64_t now)
{
	return !s->left_out && s->arrival <= now;
}

/* The slot of this client and end, or a free one for it. NULL: all are in use. */
static struct slot *slot_for(struct throttle *t, const union saddr *client, enum flow_end end,
			     uint64_t now)
{
	struct slot *set = t->slots[(saddr_hash(client, t->seed) + end * 0x9e3779b1u) % SETS];
	struct slot *unused = NULL;

	for (int i = 0; i < WAYS; i++) {
		if (set[i].end == end && saddr_equal(&set[i].client, client))
			return &set[i];
		if (!unused && is_free(&set[i], now))
			unused = &set[i];
	}
	if (unused)
		*unused = (struct slot){ .client = *client, .end = end };
	return unused;
}

bool throttle_take(struct throttle *t, const union saddr *client, enum flow_end end, uint64_t now)
{
	struct slot *s = slot_for(t, client, end, now);

	/* The client's own rate comes first: what is above it must not use up the rate of all. */
	if ((!s || rate_take(&s->arrival, THROTTLE_CLIENT_RATE, THROTTLE_CLIENT_BURST, now)) &&
	    rate_take(&t->arrivals[end], THROTTLE_END_RATE, THROTTLE_END_BURST, now))
		return true;
	if (s)
		s->left_out++;
	else
		t->others[end]++;
	return false;
}

/* Keeps the THROTTLE_NAMED largest in order. Returns what finds no room. */
static struct flow_count insert(struct flow_count *counts, size_t *n, struct flow_count c)
{
	for (size_t i = 0; i < *n; i++) {
		struct flow_count smaller = counts[i];

		if (smaller.flows >= c.flows)
			continue;
		counts[i] = c;
		c = smaller;
	}
	if (*n == THROTTLE_NAMED)
		return c;
	counts[(*n)++] = c;
	return (struct flow_count){ 0 };
}

static void collect_slots(struct throttle *t, struct flow_count *counts, size_t *n)
{
	struct slot *slots = &t->slots[0][0];

	for (size_t i = 0; i < SETS * WAYS; i++) {
		struct flow_count rest;

		if (!slots[i].left_out)
			continue;
		rest = insert(counts, n,
			      (struct flow_count){ .client = slots[i].client,
						   .end = slots[i].end,
						   .flows = slots[i].left_out });
		t->others[rest.end] += rest.flows;
		slots[i].left_out = 0;
	}
}

size_t throttle_collect(struct throttle *t, struct flow_count *ret_counts)
{
	size_t n = 0;

	collect_slots(t, ret_counts, &n);
	for (unsigned int end = 0; end < END_MAX; end++) {
		if (t->others[end])
			ret_counts[n++] = (struct flow_count){ .end = (enum flow_end)end,
							       .flows = t->others[end] };
		t->others[end] = 0;
	}
	return n;
}
