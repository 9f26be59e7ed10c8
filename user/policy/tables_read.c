/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables turned back into a policy. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/util.h"
#include "policy/tables.h"

struct read_back {
	struct policy *policy;
	bool source;
};

static int own_bits(struct prefix_mask *entry, const struct prefix_mask *cover, void *arg)
{
	struct read_back *back = arg;
	tproxy_mask own = entry->mask & ~(cover ? cover->mask : 0);

	for (; own; own &= own - 1) {
		struct rule *rule = &back->policy->rules[__builtin_ctzll(own)];
		int err;

		if (!rule->used)
			continue;
		err = prefix_set_append(back->source ? &rule->from : &rule->to, &entry->prefix);
		if (err)
			return err;
	}
	return 0;
}

struct read_owners {
	struct policy *policy;
	tproxy_mask any[TPROXY_OWNER_KIND_MAX]; /* rules without a condition of the kind */
};

/* Entries of no kind that is known were written by hand, and match nothing. */
static int own_owners(struct prefix_mask *entry, const struct prefix_mask *cover, void *arg)
{
	const unsigned int kind = entry->prefix.addr[0];
	struct read_owners *back = arg;
	tproxy_mask own = entry->mask & ~(cover ? cover->mask : 0);
	int err = 0;

	if (kind >= TPROXY_OWNER_KIND_MAX || entry->prefix.len < OWNER_ANY_LEN)
		return 0;
	if (entry->prefix.len == OWNER_ANY_LEN)
		back->any[kind] |= own;
	for (; own && entry->prefix.len > OWNER_ANY_LEN && !err; own &= own - 1) {
		struct rule *rule = &back->policy->rules[__builtin_ctzll(own)];

		if (rule_is_local(rule))
			err = owner_set_add_prefix(&rule->owners[kind], &entry->prefix);
	}
	return err;
}

static int read_owners(struct prefix_table *table, struct policy *policy)
{
	struct read_owners back = { .policy = policy };
	int err = prefix_table_walk(table, own_owners, &back);

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++)
			policy->rules[i].owners[kind].none = rule_is_local(&policy->rules[i]) &&
							     !(back.any[kind] & (1ULL << i)) &&
							     !policy->rules[i].owners[kind].n;
	return err;
}

static int read_ports(const struct port_table *table, struct policy *policy)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct port_mask *entry = &table->items[i];
		struct port_range range = { entry->port, entry->port };

		for (tproxy_mask mask = entry->mask; mask; mask &= mask - 1) {
			struct rule *rule = &policy->rules[__builtin_ctzll(mask)];
			int err;

			if (!rule->used)
				continue;
			err = service_set_add(&rule->services, entry->proto, range);
			if (err)
				return err;
		}
	}
	return 0;
}

static void read_rule(const struct tproxy_rule *from, struct rule *rule)
{
	static const __u8 loopback4[4] = { 127, 0, 0, 1 };
	static const __u8 loopback6[16] = { [15] = 1 };

	rule->used = true;
	/* One that is not known, by hand or of a newer build, means what the data path does. */
	rule->action = from->action < TPROXY_ACTION_MAX ? from->action : TPROXY_ACTION_DROP;
	rule->on_down = from->on_down;
	rule->unrouted =
		from->unrouted < TPROXY_UNROUTED_MAX ? from->unrouted : TPROXY_UNROUTED_PASS;
	rule->local = from->local < TPROXY_LOCAL_MAX ? from->local : TPROXY_LOCAL_YES;
	memcpy(rule->name, from->name, sizeof(rule->name));
	rule->name[sizeof(rule->name) - 1] = '\0';
	rule->proxy.port = ntohs(from->proxy_port);
	if (!rule->proxy.port)
		return;
	if (memcmp(from->proxy4, loopback4, sizeof(loopback4))) {
		rule->proxy.family = AF_INET;
		memcpy(rule->proxy.addr, from->proxy4, sizeof(from->proxy4));
	} else if (memcmp(from->proxy6, loopback6, sizeof(loopback6))) {
		rule->proxy.family = AF_INET6;
		memcpy(rule->proxy.addr, from->proxy6, sizeof(from->proxy6));
	}
}

int tables_to_policy(const struct tables *tables, struct policy *ret_policy)
{
	struct policy policy = { 0 };
	struct read_back back = { .policy = &policy };
	struct tables walk = *tables; /* own_bits changes nothing */
	int err;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (tables->active & (1ULL << i))
			read_rule(&tables->rules[i], &policy.rules[i]);
	err = prefix_table_walk(&walk.dst, own_bits, &back);
	back.source = true;
	if (!err)
		err = prefix_table_walk(&walk.src, own_bits, &back);
	if (!err)
		err = read_owners(&walk.owners, &policy);
	if (!err)
		err = read_ports(&tables->ports, &policy);
	if (err)
		policy_free(&policy);
	else
		*ret_policy = policy;
	return err;
}
