/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/admit/lanes.h"

#include <string.h>
#include <sys/random.h>

#include "lib/util.h"
#include "relay/admit/ladder.h"

#define LANE_BUCKETS 4096
#define EMPTY_LANES_MAX 64 /* kept, because clients often return at once */

struct lane {
	LIST_ENTRY(lane) link;
	TAILQ_ENTRY(lane) empty; /* if it has no users */
	struct lanes *all;
	struct client *client;
	union saddr address;
	unsigned int users; /* flows that were admitted */
	struct row rows[LANE_KINDS];
};

struct lanes {
	struct clients *clients;
	uint32_t seed;
	unsigned int empty_count;
	TAILQ_HEAD(, lane) empty; /* the longest first */
	LIST_HEAD(lane_list, lane) buckets[LANE_BUCKETS];
	struct ladder ladders[LANE_KINDS];
};

/* ---- lanes -------------------------------------------------------------- */

struct lanes *lanes_new(struct clients *clients)
{
	struct lanes *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->clients = clients;
	TAILQ_INIT(&l->empty);
	for (int kind = 0; kind < LANE_KINDS; kind++) {
		TAILQ_INIT(&l->ladders[kind].rungs);
		TAILQ_INIT(&l->ladders[kind].spare);
	}
	/* A secret, or clients could choose addresses that meet in one bucket. */
	if (getrandom(&l->seed, sizeof(l->seed), GRND_NONBLOCK) < 0)
		l->seed = (uint32_t)(uintptr_t)l;
	return l;
}

static void lane_free(struct lane *lane)
{
	struct lanes *l = lane->all;

	TAILQ_REMOVE(&l->empty, lane, empty);
	l->empty_count--;
	LIST_REMOVE(lane, link);
	client_put(l->clients, lane->client);
	free(lane);
}

void lanes_free(struct lanes *l)
{
	struct lane *lane;

	if (!l)
		return;
	while ((lane = TAILQ_FIRST(&l->empty)))
		lane_free(lane);
	free(l);
}

static struct lane_list *bucket_of(struct lanes *l, const union saddr *address)
{
	return &l->buckets[saddr_hash(address, l->seed) % LANE_BUCKETS];
}

static struct lane *find(struct lanes *l, const union saddr *address)
{
	struct lane *lane;

	LIST_FOREACH(lane, bucket_of(l, address), link)
		if (saddr_equal(&lane->address, address))
			return lane;
	return NULL;
}

struct lane *lanes_find(struct lanes *l, const union saddr *client, uint8_t prefix6)
{
	union saddr address = client_address(client, prefix6);

	return find(l, &address);
}

static void become_empty(struct lane *lane)
{
	struct lanes *l = lane->all;

	TAILQ_INSERT_TAIL(&l->empty, lane, empty);
	if (++l->empty_count > EMPTY_LANES_MAX)
		lane_free(TAILQ_FIRST(&l->empty));
}

/* Without users. NULL: no memory, or too many clients. */
static struct lane *lane_new(struct lanes *l, const union saddr *address, uint64_t now_ms)
{
	struct lane *lane = calloc(1, sizeof(*lane));
	struct client *client = lane ? client_get(l->clients, address, now_ms) : NULL;

	if (!client) {
		free(lane);
		return NULL;
	}
	lane->all = l;
	lane->client = client;
	lane->address = *address;
	for (int kind = 0; kind < LANE_KINDS; kind++) {
		lane->rows[kind].lane = lane;
		TAILQ_INIT(&lane->rows[kind].flows);
	}
	LIST_INSERT_HEAD(bucket_of(l, address), lane, link);
	become_empty(lane);
	return lane;
}

const char *lanes_admit(struct lanes *l, const struct limit_values *v, const union saddr *client,
			uint64_t now_ms, struct lane **ret_lane)
{
	union saddr address = client_address(client, v->source_prefix6);
	struct lane *lane = find(l, &address);
	const char *reached;

	if (!lane)
		lane = lane_new(l, &address, now_ms);
	if (!lane)
		return "max-sources";
	reached = client_join(l->clients, lane->client, v, now_ms);
	if (reached)
		return reached;
	if (!lane->users++) {
		TAILQ_REMOVE(&l->empty, lane, empty);
		l->empty_count--;
	}
	*ret_lane = lane;
	return NULL;
}

static void release_place(struct lane *lane)
{
	if (!--lane->users)
		become_empty(lane);
}

void lane_release(struct lane *lane)
{
	client_leave(lane->all->clients, lane->client);
	release_place(lane);
}

/* ---- flows -------------------------------------------------------------- */

static struct ladder *ladder_of(const struct flow_link *flow)
{
	return &flow->lane->all->ladders[flow->kind];
}

void lane_join(struct lane *lane, enum lane_kind kind, struct flow_link *flow, uint64_t now_ms)
{
	flow->lane = lane;
	flow->kind = kind;
	flow->listed = now_ms;
	if (kind == LANE_TCP)
		client_count_tcp(lane->client, 1);
	row_add(ladder_of(flow), &lane->rows[kind], flow);
}

void lane_leave(struct flow_link *flow)
{
	struct lane *lane = flow->lane;

	if (!lane)
		return;
	row_remove(ladder_of(flow), &lane->rows[flow->kind], flow);
	if (flow->kind == LANE_TCP)
		client_count_tcp(lane->client, -1);
	flow->lane = NULL;
	if (flow->lent)
		release_place(lane);
	else
		lane_release(lane);
	flow->lent = false;
}

void lane_lend(struct flow_link *flow)
{
	if (!flow->lent)
		client_leave(flow->lane->all->clients, flow->lane->client);
	flow->lent = true;
}

void lane_reclaim(struct flow_link *flow)
{
	static const struct limit_values none;

	if (flow->lent)
		client_join(flow->lane->all->clients, flow->lane->client, &none, 0);
	flow->lent = false;
}

void lane_change(struct flow_link *flow, enum lane_kind kind, uint64_t now_ms)
{
	row_remove(ladder_of(flow), &flow->lane->rows[flow->kind], flow);
	lane_join(flow->lane, kind, flow, now_ms);
}

void lane_touch(struct flow_link *flow, uint64_t now_ms, unsigned int grain_ms)
{
	struct row *row;

	if (now_ms - flow->listed < grain_ms)
		return;
	flow->listed = now_ms;
	row = &flow->lane->rows[flow->kind];
	TAILQ_REMOVE(&row->flows, flow, link);
	TAILQ_INSERT_TAIL(&row->flows, flow, link);
	TAILQ_REMOVE(&row->rung->rows, row, link);
	TAILQ_INSERT_TAIL(&row->rung->rows, row, link);
}

/* ---- who makes room ----------------------------------------------------- */

static const struct row *largest(const struct lanes *l, enum lane_kind kind)
{
	const struct rung *last = TAILQ_LAST(&l->ladders[kind].rungs, rung_queue);

	return last ? TAILQ_FIRST(&last->rows) : NULL;
}

unsigned int lane_count(const struct lane *lane, enum lane_kind kind)
{
	return lane->rows[kind].count;
}

unsigned int lanes_count(const struct lanes *l, enum lane_kind kind)
{
	return l->ladders[kind].count;
}

unsigned int lanes_largest(const struct lanes *l, enum lane_kind kind)
{
	const struct row *row = largest(l, kind);

	return row ? row->count : 0;
}

size_t lane_room(const struct lane *lane, const struct bandwidth_flow *flow)
{
	return client_room(lane->all->clients, lane->client, flow);
}

void lane_spend(struct lane *lane, const struct bandwidth_flow *flow, size_t bytes)
{
	client_spend(lane->all->clients, lane->client, flow, bytes);
}

bool lane_is_over_default_tcp(const struct lane *lane)
{
	return client_is_over_default_tcp(lane->all->clients, lane->client);
}

bool lane_is_over_default_udp(const struct lane *lane)
{
	return client_is_over_default_udp(lane->all->clients, lane->client);
}

struct flow_link *lane_oldest(const struct lane *lane, enum lane_kind kind)
{
	return TAILQ_FIRST(&lane->rows[kind].flows);
}

struct flow_link *lanes_oldest(const struct lanes *l, enum lane_kind kind)
{
	const struct row *row = largest(l, kind);

	return row ? TAILQ_FIRST(&row->flows) : NULL;
}

struct flow_link *lanes_victim(const struct lanes *l, enum lane_kind kind,
			       const struct lane *newcomer, bool *ret_must)
{
	unsigned int own = newcomer->rows[kind].count;

	*ret_must = lanes_largest(l, kind) > own + 1;
	return *ret_must || !own ? lanes_oldest(l, kind) : lane_oldest(newcomer, kind);
}
