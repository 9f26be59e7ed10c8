/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/flows/audited.h"

#include <bpf/bpf.h>
#include <string.h>

#include "lib/flows/match.h"
#include "lib/flows/values.h"
#include "lib/util.h"

#define BATCH 1024 /* more than a bucket of the map ever has */

struct adding {
	struct flow_list *list;
	const struct flows_filter *filter;
	const struct flow_rule *rules;
	uint64_t now_ns;
	struct tproxy_flow_key keys[BATCH];
	struct tproxy_audited values[BATCH];
};

/*
 * Relays number their flows; here the key and the begin tell one flow from all others. JSON readers
 * keep 53 bits of a number.
 */
static uint64_t number(const struct tproxy_flow_key *key, uint64_t begin_ns)
{
	const unsigned char *bytes = (const unsigned char *)key;
	uint64_t hash = 14695981039346656037ULL ^ begin_ns;

	for (size_t i = 0; i < sizeof(*key); i++)
		hash = (hash ^ bytes[i]) * 1099511628211ULL;
	return hash >> 11 ? hash >> 11 : 1;
}

static uint64_t ms_since(const struct adding *a, uint64_t ns)
{
	return a->now_ns > ns ? (a->now_ns - ns) / 1000000 : 0;
}

static void describe(const struct adding *a, const struct tproxy_flow_key *key,
		     const struct tproxy_audited *value, struct flows_record *ret_record)
{
	*ret_record = (struct flows_record){
		.id = number(key, value->begin_ns),
		.age_ms = ms_since(a, value->begin_ns),
		.idle_ms = ms_since(a, value->last_ns),
		.bytes_up = value->bytes[0],
		.bytes_down = value->bytes[1],
		.client = flows_address_from(key->src, key->sport),
		.dst = flows_address_from(key->dst, key->dport),
		.proto = key->proto,
		.state = FLOWS_OPEN,
	};
}

/* The last one. */
static int name_relay(struct flow_list *list)
{
	struct flows_relay *relays;

	if (flow_list_has_forwarded(list))
		return 0;
	relays = reallocarray(list->relays, list->n_relays + 1, sizeof(*relays));
	if (!relays)
		return -ENOMEM;
	relays[list->n_relays] = (struct flows_relay){ .name = "" };
	list->relays = relays;
	list->n_relays++;
	return 0;
}

static int add(const struct adding *a, const struct tproxy_flow_key *key,
	       const struct tproxy_audited *value)
{
	struct flow_list *list = a->list;
	struct flows_record record;
	int err;

	if (value->end != TPROXY_AUDIT_NONE)
		return 0;
	describe(a, key, value, &record);
	if (!flows_match(a->filter, &record))
		return 0;
	err = name_relay(list);
	if (!err)
		err = flow_list_add(list, (unsigned int)list->n_relays - 1, &record);
	if (!err && value->rule < TPROXY_MAX_RULES && a->rules[value->rule].name)
		list->items[list->n - 1].rule = &a->rules[value->rule];
	return err;
}

static int add_all(struct adding *a, int map)
{
	__u32 at = 0, total = 0;
	bool more = true;
	int err = 0;

	/* Entries that come meanwhile must not keep us busy. */
	for (bool begun = false; more && !err && total < 2 * TPROXY_MAX_AUDITED; begun = true) {
		__u32 n = BATCH;

		if (bpf_map_lookup_batch(map, begun ? &at : NULL, &at, a->keys, a->values, &n,
					 NULL)) {
			more = false;
			err = errno == ENOENT ? 0 : -errno;
		}
		for (__u32 i = 0; i < n && !err; i++)
			err = add(a, &a->keys[i], &a->values[i]);
		total += n;
	}
	return err;
}

int audited_add(struct flow_list *list, const struct flows_filter *filter,
		const struct state *state, const struct flow_rule *rules)
{
	__cleanup_free struct adding *a = NULL;

	if (state->map[MAP_AUDITED] < 0)
		return 0;
	a = malloc(sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->list = list;
	a->filter = filter;
	a->rules = rules;
	a->now_ns = monotonic_ns();
	return add_all(a, state->map[MAP_AUDITED]);
}
