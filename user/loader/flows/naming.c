/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/flows/naming.h"

#include <arpa/inet.h>
#include <string.h>

#include "lib/mapped.h"
#include "lib/util.h"
#include "loader/check/tools/entry.h"
#include "policy/takes.h"

#define IFINDEX_LO 1

/* ---- what there is ------------------------------------------------------ */

/* The maps may have been edited by hand. */
static const char *name_in(__u8 *name)
{
	name[TPROXY_NAME_LEN - 1] = '\0';
	return (const char *)name;
}

static void name_rules(struct naming *naming)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		struct tproxy_rule *rule = &naming->tables.rules[i];

		if (rule->action < TPROXY_ACTION_MAX)
			naming->rules[i] = (struct flow_rule){ name_in(rule->name),
							       policy_action_names[rule->action] };
	}
}

static int name_pools(struct naming *naming)
{
	naming->from_pools = calloc(naming->pools.n + 1, sizeof(*naming->from_pools));
	if (!naming->from_pools)
		return -ENOMEM;
	for (size_t i = 0; i < naming->pools.n; i++)
		naming->from_pools[i].name = name_in(naming->pools.items[i].value.name);
	return 0;
}

/* Keeps those with rules. lo has those for own traffic. */
static void compare_ifaces(struct naming *naming)
{
	size_t n = 0;

	for (size_t i = 0; i < naming->n_ifaces; i++)
		if (naming->ifaces[i].value.roles & (TPROXY_ROLE_POLICY | TPROXY_ROLE_LOCAL))
			naming->ifaces[n++] = naming->ifaces[i];
	naming->n_ifaces = n;
	naming->same = true;
	for (size_t i = 0; i < n; i++) {
		naming->all |= naming->ifaces[i].value.mask;
		naming->same &= naming->ifaces[i].value.mask == naming->ifaces[0].value.mask;
	}
}

int naming_open(struct naming *naming, const struct session *session)
{
	int err = policy_maps_read_tables(&session->state, &naming->tables);

	if (!err)
		err = pools_read(&session->state, &naming->pools);
	if (!err)
		err = policy_maps_ifaces(&session->state, &naming->ifaces, &naming->n_ifaces);
	if (err)
		return err;
	name_rules(naming);
	compare_ifaces(naming);
	return name_pools(naming);
}

void naming_close(struct naming *naming)
{
	tables_free(&naming->tables);
	pools_free(&naming->pools);
	free(naming->ifaces);
	free(naming->from_pools);
	*naming = (struct naming){ .n_ifaces = 0 };
}

/* ---- one flow ----------------------------------------------------------- */

static tproxy_mask mask_of(const struct naming *naming, int ifindex)
{
	if (ifindex == -EADDRINUSE) /* the client is this host */
		ifindex = IFINDEX_LO;
	for (size_t i = 0; i < naming->n_ifaces; i++)
		if ((int)naming->ifaces[i].ifindex == ifindex)
			return naming->ifaces[i].value.mask;
	/* It enters by no interface that we know: any of them may be right. */
	return naming->all;
}

static struct naming_client *cached(struct naming *naming, const struct flows_address *address)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < sizeof(address->addr); i++)
		hash = (hash ^ address->addr[i]) * 16777619u;
	return &naming->cache[hash % NAMING_CACHE];
}

/* The rules of the interface by which the client's flows enter. */
static tproxy_mask mask_for(struct naming *naming, struct session *session,
			    const struct flows_address *client)
{
	struct endpoint src = { .family = client->family };
	struct naming_client *known;

	if (naming->same)
		return naming->all;
	known = cached(naming, client);
	if (known->address.family != client->family ||
	    memcmp(known->address.addr, client->addr, sizeof(client->addr))) {
		memcpy(src.addr, client->addr, sizeof(src.addr));
		known->address = *client;
		known->mask = mask_of(naming, entry_find(session, &src));
	}
	return known->mask;
}

static int by_key(const void *key, const void *entry)
{
	return memcmp(key, &((const struct pool_entry *)entry)->key,
		      sizeof(struct tproxy_pool_key));
}

static const struct flow_rule *pool_of(const struct naming *naming, const struct flows_record *r)
{
	struct tproxy_pool_key key = { .port = htons(r->dst.port) };
	const struct pool_entry *found;

	if (!naming->pools.n)
		return NULL;
	mapped_from(r->dst.family, r->dst.addr, key.addr);
	found = bsearch(&key, naming->pools.items, naming->pools.n, sizeof(*found), by_key);
	return found ? &naming->from_pools[found - naming->pools.items] : NULL;
}

static const struct flow_rule *rule_of(struct naming *naming, struct session *session,
				       const struct flows_record *r)
{
	struct tproxy_flow_key key = { .proto = r->proto,
				       .sport = htons(r->client.port),
				       .dport = htons(r->dst.port) };
	int rule;

	mapped_from(r->client.family, r->client.addr, key.src);
	mapped_from(r->dst.family, r->dst.addr, key.dst);
	rule = takes_flow(&naming->tables, mask_for(naming, session, &r->client), &key);
	return rule < 0 || !naming->rules[rule].name ? NULL : &naming->rules[rule];
}

void naming_apply(struct naming *naming, struct session *session, struct flow_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		struct flow_entry *entry = &list->items[i];

		if (!*list->relays[entry->relay].name)
			continue;
		/* A pool's address is this host's, which no rule takes. */
		entry->rule = pool_of(naming, &entry->record);
		if (!entry->rule && !entry->record.server.family)
			entry->rule = rule_of(naming, session, &entry->record);
	}
	list->has_rules = true;
}
