/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/admit/limits.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "lib/util.h"

#define SHARDS 64
#define SHARD_BUCKETS 1024
#define SHARD_SOURCES_MAX 16384 /* some 1.5 MB; only clients without flows can become that many */
#define SWEEP_EVERY_NS 100000000ULL
#define NS_PER_S 1000000000ULL

/*
 * One client. It outlives its flows until the rate of new ones is back to zero. Every look-up in
 * its bucket may free it, under the lock of the shard.
 */
struct limits_source {
	LIST_ENTRY(limits_source) link;
	union saddr addr; /* of the prefix; port 0 */
	uint32_t shard;
	uint32_t flows;
	uint64_t arrival; /* ns; see rate_take */
};

LIST_HEAD(source_list, limits_source);

/* Flows of different clients rarely wait for one lock, which is held for a look-up. */
struct shard {
	_Alignas(64) pthread_mutex_t lock;
	uint32_t sources;
	uint64_t swept; /* ns */
	struct source_list buckets[SHARD_BUCKETS];
};

struct limits {
	_Alignas(64) _Atomic uint32_t flows;
	_Alignas(64) _Atomic uint64_t arrival;
	uint32_t seed;
	struct shard shards[SHARDS];
};

struct limits *limits_new(void)
{
	struct limits *l = aligned_alloc(64, sizeof(*l));

	if (!l)
		return NULL;
	memset(l, 0, sizeof(*l));
	for (int i = 0; i < SHARDS; i++)
		pthread_mutex_init(&l->shards[i].lock, NULL);
	/* A secret, or clients could choose addresses that meet in one bucket. */
	if (getrandom(&l->seed, sizeof(l->seed), GRND_NONBLOCK) < 0)
		l->seed = (uint32_t)(uintptr_t)l;
	return l;
}

static void source_free(struct shard *s, struct limits_source *source)
{
	LIST_REMOVE(source, link);
	s->sources--;
	free(source);
}

void limits_free(struct limits *l)
{
	if (!l)
		return;
	for (int i = 0; i < SHARDS; i++)
		for (int b = 0; b < SHARD_BUCKETS; b++)
			while (!LIST_EMPTY(&l->shards[i].buckets[b]))
				source_free(&l->shards[i], LIST_FIRST(&l->shards[i].buckets[b]));
	free(l);
}

/*
 * The generic cell rate algorithm (ITU-T I.371): `arrival` is when the next flow would be due if
 * all came evenly. Flows may be early by up to a second.
 */
static bool rate_take(uint64_t arrival, uint32_t rate, uint64_t now, uint64_t *ret_arrival)
{
	uint64_t step = NS_PER_S / rate;

	if (arrival < now)
		arrival = now;
	if (arrival + step > now + NS_PER_S)
		return false;
	*ret_arrival = arrival + step;
	return true;
}

static bool take_rate(struct limits *l, uint32_t rate, uint64_t now)
{
	uint64_t old = atomic_load(&l->arrival);
	uint64_t next;

	do {
		if (!rate_take(old, rate, now, &next))
			return false;
	} while (!atomic_compare_exchange_weak(&l->arrival, &old, next));
	return true;
}

/* Counts the flow first, so that two threads cannot both take the last place. */
static bool take_flow(struct limits *l, uint32_t max)
{
	uint32_t before = atomic_fetch_add(&l->flows, 1);

	if (!max || before < max)
		return true;
	atomic_fetch_sub(&l->flows, 1);
	return false;
}

static union saddr source_of(const union saddr *client, uint8_t prefix6)
{
	union saddr a = *client;
	uint8_t *bytes = a.v6.sin6_addr.s6_addr;

	saddr_set_port(&a, 0);
	if (a.sa.sa_family != AF_INET6)
		return a;
	a.v6.sin6_flowinfo = 0;
	for (unsigned int i = 0; i < 16; i++) {
		if (prefix6 < i * 8 + 8)
			bytes[i] &= prefix6 <= i * 8 ? 0 : (uint8_t)(0xff << (i * 8 + 8 - prefix6));
	}
	return a;
}

/* Also frees the clients in the bucket that are no longer needed. */
static struct limits_source *source_find(struct shard *s, struct source_list *bucket,
					 const union saddr *addr, uint64_t now)
{
	struct limits_source *source = LIST_FIRST(bucket);
	struct limits_source *found = NULL;

	while (source) {
		struct limits_source *next = LIST_NEXT(source, link);

		if (saddr_equal(&source->addr, addr))
			found = source;
		else if (!source->flows && source->arrival <= now)
			source_free(s, source);
		source = next;
	}
	return found;
}

/* Frees what can be freed in all buckets, rarely enough to cost nothing. */
static void shard_sweep(struct shard *s, const union saddr *addr, uint64_t now)
{
	if (s->sources < SHARD_SOURCES_MAX || now - s->swept < SWEEP_EVERY_NS)
		return;
	s->swept = now;
	for (int b = 0; b < SHARD_BUCKETS; b++)
		source_find(s, &s->buckets[b], addr, now);
}

/* NULL: no memory, or too many clients in a second. */
static struct limits_source *source_get(struct limits *l, const union saddr *addr, uint32_t hash,
					uint64_t now)
{
	struct shard *s = &l->shards[hash % SHARDS];
	struct source_list *bucket = &s->buckets[hash / SHARDS % SHARD_BUCKETS];
	struct limits_source *source = source_find(s, bucket, addr, now);

	if (source)
		return source;
	shard_sweep(s, addr, now);
	if (s->sources >= SHARD_SOURCES_MAX)
		return NULL;
	source = calloc(1, sizeof(*source));
	if (!source)
		return NULL;
	source->addr = *addr;
	source->shard = hash % SHARDS;
	LIST_INSERT_HEAD(bucket, source, link);
	s->sources++;
	return source;
}

/* Under the lock of the shard. */
static const char *source_take(struct limits_source *source, const struct limit_values *v,
			       uint64_t now)
{
	if (!source)
		return "max-sources";
	if (v->max_flows_per_source && source->flows >= v->max_flows_per_source)
		return "max-flows-per-source";
	if (v->flow_rate_per_source &&
	    !rate_take(source->arrival, v->flow_rate_per_source, now, &source->arrival))
		return "flow-rate-per-source";
	source->flows++;
	return NULL;
}

static const char *take_source(struct limits *l, const struct limit_values *v,
			       const union saddr *client, uint64_t now,
			       struct limits_source **ret_source)
{
	union saddr addr = source_of(client, v->source_prefix6);
	uint32_t hash = saddr_hash(&addr, l->seed);
	struct shard *s = &l->shards[hash % SHARDS];
	struct limits_source *source;
	const char *reached;

	pthread_mutex_lock(&s->lock);
	source = source_get(l, &addr, hash, now);
	reached = source_take(source, v, now);
	pthread_mutex_unlock(&s->lock);
	if (!reached)
		*ret_source = source;
	return reached;
}

static void release_source(struct limits *l, struct limits_source *source)
{
	struct shard *s = &l->shards[source->shard];

	pthread_mutex_lock(&s->lock);
	source->flows--;
	/* With a limit of the rate it stays for a second at least; a later look-up frees it. */
	if (!source->flows && !source->arrival)
		source_free(s, source);
	pthread_mutex_unlock(&s->lock);
}

/* The limits of the client come first: flows above them must not use up the rate of all. */
const char *limits_take(struct limits *l, const struct limit_values *v, const union saddr *client,
			uint64_t now_ms, struct limits_ticket *ret_ticket)
{
	struct limits_ticket ticket = { 0 };
	uint64_t now = now_ms * 1000000;
	const char *reached = NULL;

	if (v->max_flows_per_source || v->flow_rate_per_source)
		reached = take_source(l, v, client, now, &ticket.source);
	if (reached)
		return reached;
	ticket.counted = take_flow(l, v->max_flows);
	if (!ticket.counted)
		reached = "max-flows";
	else if (v->flow_rate && !take_rate(l, v->flow_rate, now))
		reached = "flow-rate";
	if (reached)
		limits_release(l, &ticket);
	else
		*ret_ticket = ticket;
	return reached;
}

void limits_release(struct limits *l, struct limits_ticket *ticket)
{
	if (ticket->source)
		release_source(l, ticket->source);
	if (ticket->counted)
		atomic_fetch_sub(&l->flows, 1);
	*ticket = (struct limits_ticket){ 0 };
}

uint32_t limits_flows(const struct limits *l)
{
	return atomic_load(&l->flows);
}
