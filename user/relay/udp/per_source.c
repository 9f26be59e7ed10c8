/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/udp/per_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_BUCKETS 4096

struct source {
	LIST_ENTRY(source) link;
	union saddr key;
	unsigned int count;
	TAILQ_HEAD(, source_link) flows; /* oldest first */
};

struct source_table {
	unsigned int max;
	uint32_t seed;
	LIST_HEAD(source_list, source) buckets[SOURCE_BUCKETS];
};

struct source_table *source_table_new(unsigned int max, uint32_t seed)
{
	struct source_table *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->max = max;
	s->seed = seed;
	return s;
}

void source_table_free(struct source_table *s)
{
	free(s);
}

static union saddr key_of(const union saddr *client)
{
	union saddr key;

	memset(&key, 0, sizeof(key));
	key.sa.sa_family = client->sa.sa_family;
	if (client->sa.sa_family == AF_INET)
		key.v4.sin_addr = client->v4.sin_addr;
	else
		memcpy(&key.v6.sin6_addr, &client->v6.sin6_addr, 8);
	return key;
}

static struct source_list *bucket_of(struct source_table *s, const union saddr *key)
{
	return &s->buckets[saddr_hash(key, s->seed) % SOURCE_BUCKETS];
}

static struct source *source_find(struct source_table *s, const union saddr *key)
{
	struct source *source;

	LIST_FOREACH(source, bucket_of(s, key), link)
		if (saddr_equal(&source->key, key))
			return source;
	return NULL;
}

int source_join(struct source_table *s, const union saddr *client, struct source_link *link)
{
	union saddr key = key_of(client);
	struct source *source = source_find(s, &key);

	if (!source) {
		source = calloc(1, sizeof(*source));
		if (!source)
			return -ENOMEM;
		source->key = key;
		TAILQ_INIT(&source->flows);
		LIST_INSERT_HEAD(bucket_of(s, &key), source, link);
	}
	source->count++;
	link->source = source;
	TAILQ_INSERT_TAIL(&source->flows, link, link);
	return 0;
}

void source_leave(struct source_link *link)
{
	struct source *source = link->source;

	TAILQ_REMOVE(&source->flows, link, link);
	if (--source->count)
		return;
	LIST_REMOVE(source, link);
	free(source);
}

struct source_link *source_full(struct source_table *s, const union saddr *client)
{
	union saddr key = key_of(client);
	struct source *source = source_find(s, &key);

	return source && source->count >= s->max ? TAILQ_FIRST(&source->flows) : NULL;
}

struct source_link *source_next(struct source_link *link)
{
	return TAILQ_NEXT(link, link);
}
