/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/flows/flowset.h"

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "lib/mapped.h"
#include "lib/util.h"

int flowset_open(struct flowset *ret_set, size_t max)
{
	struct flowset set = { .room = 16, .max = max };

	while (set.room < 2 * max)
		set.room *= 2;
	if (getrandom(&set.seed, sizeof(set.seed), GRND_NONBLOCK) < 0)
		set.seed = (__u64)(uintptr_t)ret_set;
	set.slots = calloc(set.room, sizeof(*set.slots));
	if (!set.slots)
		return -ENOMEM;
	*ret_set = set;
	return 0;
}

void flowset_free(struct flowset *set)
{
	free(set->slots);
	*set = (struct flowset){ 0 };
}

static size_t hash(const struct flowset *set, const struct tproxy_flow_key *key)
{
	__u64 words[sizeof(*key) / sizeof(__u64)], h = set->seed;

	memcpy(words, key, sizeof(words));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		h = (h ^ words[i]) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 29;
	}
	return (size_t)(h ^ h >> 32) & (set->room - 1);
}

/* Its slot, or the free one where it belongs; at least half of all slots are free. */
static struct flow_entry *place(const struct flowset *set, const struct tproxy_flow_key *key)
{
	size_t at = hash(set, key);

	while (set->slots[at].used && memcmp(&set->slots[at].key, key, sizeof(*key)))
		at = (at + 1) & (set->room - 1);
	return &set->slots[at];
}

struct flow_entry *flowset_find(const struct flowset *set, const struct tproxy_flow_key *key)
{
	struct flow_entry *entry = place(set, key);

	return entry->used ? entry : NULL;
}

struct flow_entry *flowset_add(struct flowset *set, const struct tproxy_flow_key *key)
{
	struct flow_entry *entry = place(set, key);

	if (entry->used)
		return entry;
	if (set->n == set->max) {
		set->refused++;
		return NULL;
	}
	set->n++;
	*entry = (struct flow_entry){ .key = *key, .used = true };
	return entry;
}

int flowset_walk(const struct flowset *set, int (*fn)(const struct flow_entry *entry, void *arg),
		 void *arg)
{
	int result = 0;

	for (size_t i = 0; i < set->room && !result; i++)
		if (set->slots[i].used)
			result = fn(&set->slots[i], arg);
	return result;
}

void flow_key_make(struct tproxy_flow_key *ret_key, __u8 family, const void *src, const void *dst)
{
	*ret_key = (struct tproxy_flow_key){ .proto = IPPROTO_UDP };
	mapped_from(family, src, ret_key->src);
	mapped_from(family, dst, ret_key->dst);
}

struct tproxy_flow_key flow_key_reverse(const struct tproxy_flow_key *key)
{
	struct tproxy_flow_key other = { .proto = key->proto,
					 .sport = key->dport,
					 .dport = key->sport };

	memcpy(other.src, key->dst, sizeof(other.src));
	memcpy(other.dst, key->src, sizeof(other.dst));
	return other;
}
