/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/takes.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/mapped.h"
#include "lib/util.h"
#include "policy/cover.h"

/* ---- one flow ----------------------------------------------------------- */

static struct prefix host_prefix(const __u8 *addr)
{
	struct prefix p = { .len = 0 };

	p.family = mapped_to(addr, p.addr);
	p.len = p.family == AF_INET ? 32 : 128;
	return p;
}

static int compare_prefix(const void *prefix, const void *entry)
{
	return prefix_cmp(prefix, &((const struct prefix_mask *)entry)->prefix);
}

/* The longest prefix carries the rules of all that cover it. */
static tproxy_mask match_longest(const struct prefix_table *table, struct prefix p)
{
	const struct prefix_mask *found;

	for (int len = p.len; len >= 0 && table->n; len--) {
		prefix_shorten(&p, (unsigned int)len);
		found = bsearch(&p, table->items, table->n, sizeof(*table->items), compare_prefix);
		if (found)
			return found->mask;
	}
	return 0;
}

static tproxy_mask match_prefix(const struct prefix_table *table, const __u8 *addr)
{
	return match_longest(table, host_prefix(addr));
}

static int compare_port(const void *key, const void *entry)
{
	return port_mask_cmp(key, entry);
}

static tproxy_mask find_port(const struct port_table *table, __u8 proto, __u16 port)
{
	const struct port_mask key = { .proto = proto, .port = port };
	const struct port_mask *found = NULL;

	if (table->n)
		found = bsearch(&key, table->items, table->n, sizeof(*found), compare_port);
	return found ? found->mask : 0;
}

/* Port 0 has the rules for every port. */
static tproxy_mask match_port(const struct port_table *table, __u8 proto, __u16 port)
{
	return find_port(table, proto, port) | find_port(table, proto, 0);
}

int takes_flow(const struct tables *tables, tproxy_mask mask, const struct tproxy_flow_key *key)
{
	mask &= tables->active;
	if (mask)
		mask &= match_port(&tables->ports, key->proto, ntohs(key->dport));
	if (mask)
		mask &= match_prefix(&tables->dst, key->dst);
	if (mask)
		mask &= match_prefix(&tables->src, key->src);
	return mask ? __builtin_ctzll(mask) : -1;
}

static tproxy_mask match_owner(const struct tables *tables, enum tproxy_owner_kind kind, __u64 id)
{
	return match_longest(&tables->owners, owner_prefix(kind, id, 64));
}

static tproxy_mask match_sender(const struct tables *tables, const struct takes_sender *sender)
{
	tproxy_mask mask = match_owner(tables, TPROXY_OWNER_UID, sender->id[TPROXY_OWNER_UID]) &
			   match_owner(tables, TPROXY_OWNER_GID, sender->id[TPROXY_OWNER_GID]);
	tproxy_mask cgroups =
		match_longest(&tables->owners, owner_prefix(TPROXY_OWNER_CGROUP, 0, 0));

	for (size_t i = 0; i < sender->n_cgroups; i++)
		cgroups |= match_owner(tables, TPROXY_OWNER_CGROUP, sender->cgroups[i]);
	return mask & cgroups;
}

int takes_own_flow(const struct tables *tables, tproxy_mask mask, const struct tproxy_flow_key *key,
		   const struct takes_sender *sender)
{
	return takes_flow(tables, mask & match_sender(tables, sender), key);
}

static bool is_proxy(const struct tables *tables, int index)
{
	return index >= 0 && tables->rules[index].action == TPROXY_ACTION_PROXY;
}

bool takes_flow_somewhere(const struct tables *tables, const struct policy *policy,
			  const struct tproxy_flow_key *key)
{
	tproxy_mask everywhere = 0;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (policy->rules[i].used && !policy->rules[i].interfaces.n &&
		    policy->rules[i].local != TPROXY_LOCAL_ONLY)
			everywhere |= 1ULL << i;
	if (is_proxy(tables, takes_flow(tables, everywhere, key)))
		return true;
	/* Rules that name interfaces may be alone there with those that are everywhere. */
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (is_proxy(tables, i) && policy->rules[i].interfaces.n &&
		    is_proxy(tables, takes_flow(tables, everywhere | 1ULL << i, key)))
			return true;
	return false;
}

/* ---- all UDP flows ------------------------------------------------------ */

static bool has_udp(const struct rule *rule)
{
	for (size_t i = 0; i < rule->services.n; i++)
		if (rule->services.items[i].proto == IPPROTO_UDP)
			return true;
	return false;
}

static bool rule_takes_udp(const struct policy_in_force *t, int index)
{
	const struct rule *rule = &t->policy->rules[index];

	return rule_is_proxy(rule) && (t->mask >> index & 1) && has_udp(rule);
}

bool takes_udp(const struct policy_in_force *t)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (rule_takes_udp(t, i))
			return true;
	return false;
}

static bool services_cover(const struct service_set *wide, const struct service_set *narrow)
{
	for (size_t i = 0; i < narrow->n; i++)
		if (narrow->items[i].proto == IPPROTO_UDP &&
		    !service_set_includes(wide, &narrow->items[i]))
			return false;
	return true;
}

/* Both sorted: what covers a prefix comes before it. */
static bool sorted_cover(const struct prefix_set *wide, const struct prefix_set *narrow)
{
	const struct prefix *cover = NULL;
	size_t w = 0;

	for (size_t i = 0; i < narrow->n; i++) {
		const struct prefix *p = &narrow->items[i];

		for (; w < wide->n && prefix_cmp(&wide->items[w], p) <= 0; w++)
			if (!cover || !prefix_covers(cover, &wide->items[w]))
				cover = &wide->items[w];
		if (!cover || !prefix_covers(cover, p))
			return false;
	}
	return true;
}

static int prefixes_cover(const struct prefix_set *wide, const struct prefix_set *narrow)
{
	struct prefix_set a = { 0 }, b = { 0 };
	int result = 0;

	for (size_t i = 0; i < wide->n && !result; i++)
		result = prefix_set_append(&a, &wide->items[i]);
	for (size_t i = 0; i < narrow->n && !result; i++)
		result = prefix_set_append(&b, &narrow->items[i]);
	if (!result) {
		prefix_set_sort(&a);
		prefix_set_sort(&b);
		result = sorted_cover(&a, &b);
	}
	free(a.items);
	free(b.items);
	return result;
}

/* 1: every UDP flow that `narrow` matches is one that `wide` matches. */
static int covers(const struct rule *wide, const struct rule *narrow)
{
	int result;

	if (!services_cover(&wide->services, &narrow->services))
		return 0;
	result = prefixes_cover(&wide->to, &narrow->to);
	return result > 0 ? prefixes_cover(&wide->from, &narrow->from) : result;
}

/* Index of the rule of that name, if it has UDP and is in force; else -1. */
static int find_rule(const struct policy_in_force *t, const char *name)
{
	int index = policy_find(t->policy, name);

	return index >= 0 && (t->mask >> index & 1) && has_udp(&t->policy->rules[index]) ? index :
											   -1;
}

/* 1: each exception before rule `old` of `before` is also one before rule `new` of `after`. */
static int exceptions_stay(const struct policy_in_force *before, int old,
			   const struct policy_in_force *after, int new)
{
	int result = 1;

	for (int i = 0; i < old && result > 0; i++) {
		const struct rule *rule = &before->policy->rules[i];
		int now;

		if (!rule->used || rule->action == TPROXY_ACTION_PROXY ||
		    find_rule(before, rule->name) < 0)
			continue;
		now = find_rule(after, rule->name);
		if (now < 0 || now > new || after->policy->rules[now].action == TPROXY_ACTION_PROXY)
			return 0;
		result = covers(&after->policy->rules[now], rule);
	}
	return result;
}

static int rule_takes_more(const struct policy_in_force *before,
			   const struct policy_in_force *after, int index)
{
	const struct rule *rule = &after->policy->rules[index];
	int old = find_rule(before, rule->name), result;

	if (old < 0 || before->policy->rules[old].action != TPROXY_ACTION_PROXY)
		return 1;
	result = covers(&before->policy->rules[old], rule);
	if (result > 0)
		result = exceptions_stay(before, old, after, index);
	return result < 0 ? result : !result;
}

int takes_more_udp(const struct policy_in_force *before, const struct policy_in_force *after)
{
	int result = 0;

	for (int i = 0; i < TPROXY_MAX_RULES && !result; i++)
		if (rule_takes_udp(after, i))
			result = rule_takes_more(before, after, i);
	return result;
}
