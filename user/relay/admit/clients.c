/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/admit/clients.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "lib/util.h"
#include "relay/admit/segment.h"

#define SHARDS 64
#define SHARD_BUCKETS 1024
#define SHARD_CLIENTS_MAX 16384 /* some 1.5 MB; only clients without flows can become that many */
#define SWEEP_EVERY_NS 100000000ULL
#define NS_PER_S 1000000000ULL

/*
 * It outlives its users until the rate of its flows is back to zero. Every look-up in its bucket
 * may free it, under the lock of the shard. Its counts change without the lock.
 */
struct client {
	LIST_ENTRY(client) link;
	union saddr address;
	uint32_t shard;
	uint32_t users; /* see client_get */
	struct segment_counts
		*counts; /* in the segment, if it has a slot there; arrival: rate_next */
	struct segment_counts own;
	_Atomic uint32_t tcp; /* flows of TCP among those */
	struct bandwidth bandwidth[BANDWIDTH_WAYS];
};

LIST_HEAD(client_list, client);

/* Different clients rarely wait for one lock, which is held for a look-up. */
struct shard {
	_Alignas(64) pthread_mutex_t lock;
	uint32_t clients;
	uint64_t swept; /* ns */
	struct client_list buckets[SHARD_BUCKETS];
};

struct clients {
	struct segment *segment;
	struct segment_counts *total; /* of it */
	struct adopted adopted;
	_Alignas(64) struct bandwidth bandwidth[BANDWIDTH_WAYS];
	uint32_t seed;
	uint32_t default_max; /* flows of one client; 0: no limit */
	struct shard shards[SHARDS];
};

struct clients *clients_new(unsigned long most)
{
	struct clients *c = aligned_alloc(64, sizeof(*c));

	if (!c)
		return NULL;
	memset(c, 0, sizeof(*c));
	c->segment = segment_new(most);
	if (!c->segment) {
		free(c);
		return NULL;
	}
	c->total = segment_total(c->segment);
	adopted_init(&c->adopted);
	for (int i = 0; i < SHARDS; i++)
		pthread_mutex_init(&c->shards[i].lock, NULL);
	/* A secret, or clients could choose addresses that meet in one bucket. */
	if (getrandom(&c->seed, sizeof(c->seed), GRND_NONBLOCK) < 0)
		c->seed = (uint32_t)(uintptr_t)c;
	return c;
}

static void client_free(struct shard *s, struct client *client)
{
	LIST_REMOVE(client, link);
	s->clients--;
	free(client);
}

void clients_free(struct clients *c)
{
	if (!c)
		return;
	for (int i = 0; i < SHARDS; i++)
		for (int b = 0; b < SHARD_BUCKETS; b++)
			while (!LIST_EMPTY(&c->shards[i].buckets[b]))
				client_free(&c->shards[i], LIST_FIRST(&c->shards[i].buckets[b]));
	adopted_free(&c->adopted);
	segment_free(c->segment);
	free(c);
}

void clients_set_default(struct clients *c, uint32_t max_flows_per_source)
{
	c->default_max = max_flows_per_source;
}

uint32_t clients_flows(const struct clients *c)
{
	return atomic_load(&c->total->flows);
}

union saddr client_address(const union saddr *addr, uint8_t prefix6)
{
	return saddr_client(addr, prefix6);
}

/* ---- the table ---------------------------------------------------------- */

/* Also frees the clients in the bucket that are no longer needed. */
static struct client *client_find(struct shard *s, struct client_list *bucket,
				  const union saddr *address, uint64_t now)
{
	struct client *client = LIST_FIRST(bucket);
	struct client *found = NULL;

	while (client) {
		struct client *next = LIST_NEXT(client, link);

		if (saddr_equal(&client->address, address))
			found = client;
		else if (!client->users && client->own.arrival <= now)
			client_free(s, client);
		client = next;
	}
	return found;
}

/* Frees what can be freed in all buckets, rarely enough to cost nothing. */
static void shard_sweep(struct shard *s, const union saddr *address, uint64_t now)
{
	if (s->clients < SHARD_CLIENTS_MAX || now - s->swept < SWEEP_EVERY_NS)
		return;
	s->swept = now;
	for (int b = 0; b < SHARD_BUCKETS; b++)
		client_find(s, &s->buckets[b], address, now);
}

/* Under the lock of the shard. */
static struct client *find_or_make(struct clients *c, const union saddr *address, uint32_t hash,
				   uint64_t now)
{
	struct shard *s = &c->shards[hash % SHARDS];
	struct client_list *bucket = &s->buckets[hash / SHARDS % SHARD_BUCKETS];
	struct client *client = client_find(s, bucket, address, now);

	if (client)
		return client;
	shard_sweep(s, address, now);
	if (s->clients >= SHARD_CLIENTS_MAX)
		return NULL;
	client = calloc(1, sizeof(*client));
	if (!client)
		return NULL;
	client->address = *address;
	client->shard = hash % SHARDS;
	client->counts = &client->own;
	LIST_INSERT_HEAD(bucket, client, link);
	s->clients++;
	return client;
}

/* Clients with flows have slots in the segment, as long as there is room. */
static void list(struct clients *c, struct client *client)
{
	struct segment_counts *slot = segment_claim(c->segment, &client->address);

	if (!slot)
		return;
	slot->arrival = client->own.arrival;
	client->counts = slot;
}

static void unlist(struct client *client)
{
	if (client->counts == &client->own)
		return;
	client->own.arrival = client->counts->arrival;
	segment_release(client->counts);
	client->counts = &client->own;
}

struct client *client_get(struct clients *c, const union saddr *address, uint64_t now_ms)
{
	uint32_t hash = saddr_hash(address, c->seed);
	struct shard *s = &c->shards[hash % SHARDS];
	struct client *client;

	pthread_mutex_lock(&s->lock);
	client = find_or_make(c, address, hash, now_ms * 1000000);
	if (client && !client->users++)
		list(c, client);
	pthread_mutex_unlock(&s->lock);
	return client;
}

void client_put(struct clients *c, struct client *client)
{
	struct shard *s = &c->shards[client->shard];

	pthread_mutex_lock(&s->lock);
	if (!--client->users)
		unlist(client);
	/* With a limit of the rate it stays for a second at least; a later look-up frees it. */
	if (!client->users && !client->own.arrival)
		client_free(s, client);
	pthread_mutex_unlock(&s->lock);
}

/* ---- other processes ---------------------------------------------------- */

int clients_segment(const struct clients *c)
{
	return segment_fd(c->segment);
}

int clients_adopt(struct clients *c, int fd, struct segment **ret_segment)
{
	return adopted_add(&c->adopted, fd, ret_segment);
}

void clients_forget(struct clients *c, struct segment *segment)
{
	adopted_forget(&c->adopted, segment);
}

/* Flows of the client there, whose rate counts, too. */
static uint64_t client_elsewhere(struct clients *c, struct client *client, uint64_t now)
{
	return adopted_of_client(&c->adopted, &client->address, &client->counts->arrival,
				 now + NS_PER_S);
}

void client_count_tcp(struct client *client, int more)
{
	atomic_fetch_add(&client->tcp, (uint32_t)more);
}

/* UDP flows move to the relay that takes over, so those elsewhere are of TCP. */
bool client_is_over_default_tcp(struct clients *c, struct client *client)
{
	return c->default_max &&
	       atomic_load(&client->tcp) + client_elsewhere(c, client, monotonic_ns()) >=
		       c->default_max;
}

/* A UDP flow has half the descriptors of a TCP connection. */
bool client_is_over_default_udp(const struct clients *c, const struct client *client)
{
	uint32_t all = atomic_load(&client->counts->flows), tcp = atomic_load(&client->tcp);

	return c->default_max && all > tcp && all - tcp > 2 * c->default_max;
}

/* ---- limits ------------------------------------------------------------- */

/*
 * The generic cell rate algorithm (ITU-T I.371): `arrival` is when the next flow would be due if
 * all came evenly. Flows may be early by up to a second.
 */
static bool rate_next(uint64_t arrival, uint32_t rate, uint64_t now, uint64_t *ret_arrival)
{
	uint64_t step = NS_PER_S / rate;

	if (arrival < now)
		arrival = now;
	if (arrival + step > now + NS_PER_S)
		return false;
	*ret_arrival = arrival + step;
	return true;
}

static bool take_rate(_Atomic uint64_t *arrival, uint32_t rate, uint64_t now)
{
	uint64_t old = atomic_load(arrival);
	uint64_t next;

	do {
		if (!rate_next(old, rate, now, &next))
			return false;
	} while (!atomic_compare_exchange_weak(arrival, &old, next));
	return true;
}

/* Counts the flow first, so that two threads cannot both take the last place. */
static bool take_flow(_Atomic uint32_t *flows, uint64_t elsewhere, uint32_t max)
{
	uint64_t before = atomic_fetch_add(flows, 1) + elsewhere;

	if (!max || before < max)
		return true;
	atomic_fetch_sub(flows, 1);
	return false;
}

static const char *join_client(struct clients *c, struct client *client,
			       const struct limit_values *v, uint64_t now)
{
	bool set = v->max_flows_per_source != LIMIT_BY_DESCRIPTORS;
	struct segment_counts *counts = client->counts;

	if (!take_flow(&counts->flows, client_elsewhere(c, client, now),
		       set ? v->max_flows_per_source : 0))
		return "max-flows-per-source";
	if (!v->flow_rate_per_source || take_rate(&counts->arrival, v->flow_rate_per_source, now))
		return NULL;
	atomic_fetch_sub(&counts->flows, 1);
	return "flow-rate-per-source";
}

static const char *join_all(struct clients *c, const struct limit_values *v, uint64_t now)
{
	if (!take_flow(&c->total->flows,
		       adopted_total(&c->adopted, &c->total->arrival, now + NS_PER_S),
		       v->max_flows))
		return "max-flows";
	if (!v->flow_rate || take_rate(&c->total->arrival, v->flow_rate, now))
		return NULL;
	atomic_fetch_sub(&c->total->flows, 1);
	return "flow-rate";
}

/* The limits of the client come first: flows above them must not use up the rate of all. */
const char *client_join(struct clients *c, struct client *client, const struct limit_values *v,
			uint64_t now_ms)
{
	uint64_t now = now_ms * 1000000;
	const char *reached = join_client(c, client, v, now);

	if (reached)
		return reached;
	reached = join_all(c, v, now);
	if (reached)
		atomic_fetch_sub(&client->counts->flows, 1);
	return reached;
}

void client_leave(struct clients *c, struct client *client)
{
	atomic_fetch_sub(&client->counts->flows, 1);
	atomic_fetch_sub(&c->total->flows, 1);
}

/* ---- bandwidth ---------------------------------------------------------- */

size_t client_room(const struct clients *c, const struct client *client,
		   const struct bandwidth_flow *flow)
{
	const struct limit_values *v = flow->limits;
	uint64_t now = flow->now_ms * 1000000;
	size_t room = SIZE_MAX, of_all = SIZE_MAX;

	if (v->bandwidth_per_source)
		room = bandwidth_room(&client->bandwidth[flow->way], v->bandwidth_per_source,
				      flow->use, now);
	if (v->bandwidth_total)
		of_all = bandwidth_room(&c->bandwidth[flow->way], v->bandwidth_total, flow->use,
					now);
	return room < of_all ? room : of_all;
}

void client_spend(struct clients *c, struct client *client, const struct bandwidth_flow *flow,
		  size_t bytes)
{
	const struct limit_values *v = flow->limits;
	uint64_t now = flow->now_ms * 1000000;

	if (v->bandwidth_per_source)
		bandwidth_spend(&client->bandwidth[flow->way], v->bandwidth_per_source, flow->use,
				bytes, now);
	if (v->bandwidth_total)
		bandwidth_spend(&c->bandwidth[flow->way], v->bandwidth_total, flow->use, bytes,
				now);
}
