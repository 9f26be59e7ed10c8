/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/udp/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_BUCKETS 4096

struct udp_source {
	LIST_ENTRY(udp_source) link;
	union saddr key;
	unsigned int count;
	TAILQ_HEAD(, udp_source_link) flows; /* oldest first */
};

struct udp_sources {
	unsigned int max;
	uint32_t seed;
	LIST_HEAD(source_list, udp_source) buckets[SOURCE_BUCKETS];
};

struct udp_sources *udp_sources_new(unsigned int max, uint32_t seed)
{
	struct udp_sources *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->max = max;
	s->seed = seed;
	return s;
}

void udp_sources_free(struct udp_sources *s)
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

static struct source_list *bucket_of(struct udp_sources *s, const union saddr *key)
{
	return &s->buckets[saddr_hash(key, s->seed) % SOURCE_BUCKETS];
}

static struct udp_source *source_find(struct udp_sources *s, const union saddr *key)
{
	struct udp_source *source;

	LIST_FOREACH(source, bucket_of(s, key), link)
	if (saddr_equal(&source->key, key))
		return source;
	return NULL;
}

int udp_source_join(struct udp_sources *s, const union saddr *client, struct udp_source_link *link)
{
	union saddr key = key_of(client);
	struct udp_source *source = source_find(s, &key);

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

void udp_source_leave(struct udp_source_link *link)
{
	struct udp_source *source = link->source;

	TAILQ_REMOVE(&source->flows, link, link);
	if (--source->count)
		return;
	LIST_REMOVE(source, link);
	free(source);
}

struct udp_source_link *udp_source_full(struct udp_sources *s, const union saddr *client)
{
	union saddr key = key_of(client);
	struct udp_source *source = source_find(s, &key);

	return source && source->count >= s->max ? TAILQ_FIRST(&source->flows) : NULL;
}

struct udp_source_link *udp_source_next(struct udp_source_link *link)
{
	return TAILQ_NEXT(link, link);
}
