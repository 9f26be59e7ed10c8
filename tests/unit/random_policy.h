/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random policies and flows, and the two ways to decide about a flow: a walk over the
 * rules, and the compiled tables as the data path reads them.
 */
#ifndef RANDOM_POLICY_H
#define RANDOM_POLICY_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/util.h"
#include "policy/tables.h"

#define NO_RULE (-1)

struct flow {
	struct prefix src, dst; /* full length */
	__u8 proto;
	__u16 port; /* host byte order */
};

/* Who sends a flow of this host. */
#define CGROUP_DEPTH 3
struct sender {
	__u64 uid, gid;
	__u64 cgroups[CGROUP_DEPTH]; /* its own, and those above it */
};

/* ---- random policies and flows ------------------------------------------ */

/* splitmix64: good also for consecutive seeds. */
static inline __u64 random_next(__u64 *state)
{
	__u64 z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static inline unsigned int below(__u64 *state, unsigned int n)
{
	return (unsigned int)(random_next(state) % n);
}

static inline unsigned int bits_of(__u8 family)
{
	return family == AF_INET ? 32 : 128;
}

/* Clears what lies after the length. */
static inline void cut(struct prefix *p)
{
	for (unsigned int bit = p->len; bit < 128; bit++)
		p->addr[bit / 8] &= (__u8) ~(0x80 >> bit % 8);
}

/* Addresses of a small world: few values in each place, so that prefixes overlap. */
static inline struct prefix random_address(__u64 *state, __u8 family)
{
	static const __u8 values[] = { 0, 1, 10, 128, 192, 254, 255 };
	struct prefix p = { .family = family, .len = (__u8)bits_of(family) };
	unsigned int kept = below(state, 4); /* bytes in front that all share */

	for (unsigned int i = 0; i < bits_of(family) / 8; i++)
		p.addr[i] = i < kept ? 10 : values[below(state, ARRAY_SIZE(values))];
	return p;
}

static inline struct prefix random_prefix(__u64 *state)
{
	struct prefix p = random_address(state, below(state, 2) ? AF_INET : AF_INET6);

	switch (below(state, 4)) {
	case 0:
		p.len = (__u8)below(state, bits_of(p.family) + 1);
		break;
	case 1:
		p.len = (__u8)(below(state, 5) * bits_of(p.family) / 4);
		break;
	case 2:
		p.len = (__u8)(8 * below(state, 4));
		break;
	default:
		break; /* a host */
	}
	cut(&p);
	return p;
}

static inline void random_prefixes(__u64 *state, struct prefix_set *set)
{
	unsigned int n = 1 + below(state, 4);

	if (below(state, 4) == 0) {
		assert_int_equal(prefix_set_add_all(set), 0);
		n = below(state, 3);
	}
	for (unsigned int i = 0; i < n; i++) {
		struct prefix p = random_prefix(state);

		assert_int_equal(prefix_set_add(set, &p), 0);
	}
}

static inline __u16 random_port(__u64 *state)
{
	static const __u16 ends[] = { 1, 2, 65534, 65535 };

	return below(state, 8) ? (__u16)(20 + below(state, 60)) :
				 ends[below(state, ARRAY_SIZE(ends))];
}

static inline void random_services(__u64 *state, struct service_set *set)
{
	unsigned int n = 1 + below(state, 3);

	for (unsigned int i = 0; i < n; i++) {
		struct port_range range = { 0 };
		__u8 proto = below(state, 2) ? IPPROTO_TCP : IPPROTO_UDP;

		if (below(state, 4)) {
			range.first = range.last = random_port(state);
			if (below(state, 2) && range.first < 100)
				range.last = (__u16)(range.first + below(state, 30));
		}
		assert_int_equal(service_set_add(set, proto, range), 0);
	}
}

/* Ids of a small world, and the ends of each kind. */
static inline __u64 random_id(__u64 *state, enum tproxy_owner_kind kind)
{
	if (below(state, 8) == 0)
		return kind == TPROXY_OWNER_CGROUP ? UINT64_MAX - below(state, 3) :
						     OWNER_MAX_UID - below(state, 3);
	return 1 + below(state, 40);
}

static inline void random_owner_set(__u64 *state, enum tproxy_owner_kind kind,
				    struct owner_set *set)
{
	unsigned int n = below(state, 2) ? 0 : 1 + below(state, 4);

	set->none = below(state, 40) == 0;
	for (unsigned int i = 0; i < n; i++) {
		struct owner_item owner = { .known = true };
		unsigned int more = kind != TPROXY_OWNER_CGROUP ? below(state, 30) : 0;

		owner.first = random_id(state, kind);
		owner.last = owner.first + (owner.first < 100 ? more : 0);
		assert_int_equal(owner_set_add(set, &owner), 0);
	}
}

/* Not every rule for own traffic names owners. Takes nothing from the state of other choices. */
static inline void random_owners(__u64 choice, struct rule *rule)
{
	__u64 *state = &choice;

	rule->local = below(state, TPROXY_LOCAL_MAX + 1) % TPROXY_LOCAL_MAX;
	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX && rule->local; kind++)
		random_owner_set(state, kind, &rule->owners[kind]);
}

static inline void random_rule(__u64 *state, struct rule *rule, int number)
{
	static const __u8 loopback[4] = { 127, 0, 0, 1 };

	rule->used = true;
	snprintf(rule->name, sizeof(rule->name), "rule-%d", number);
	rule->action = TPROXY_ACTION_NONE + 1 + below(state, TPROXY_ACTION_MAX - 1);
	rule->on_down = below(state, TPROXY_ON_DOWN_MAX);
	rule->unrouted = below(state, TPROXY_UNROUTED_MAX);
	if (below(state, 3) == 0) {
		rule->proxy.port = (__u16)(1 + below(state, 65535));
		rule->proxy.family = (__u8[]){ 0, AF_INET, AF_INET6 }[below(state, 3)];
		if (rule->proxy.family == AF_INET)
			memcpy(rule->proxy.addr, loopback, sizeof(loopback));
		if (rule->proxy.family)
			rule->proxy.addr[below(state, 4)] = (__u8)(1 + below(state, 255));
	}
	random_prefixes(state, &rule->to);
	random_prefixes(state, &rule->from);
	random_services(state, &rule->services);
	random_owners(*state, rule);
}

/* 1 to 64 rules, often few, with holes between them. */
static inline void random_policy(__u64 seed, struct policy *policy)
{
	unsigned int n = 1 + below(&seed, below(&seed, 4) ? 6 : TPROXY_MAX_RULES);

	*policy = (struct policy){ 0 };
	for (unsigned int i = 0; i < n; i++) {
		unsigned int at = n < 32 ? below(&seed, TPROXY_MAX_RULES) : i;

		if (!policy->rules[at].used)
			random_rule(&seed, &policy->rules[at], (int)at);
	}
	if (n == TPROXY_MAX_RULES || below(&seed, 4))
		return;
	for (int at = 0; at < TPROXY_MAX_RULES; at += TPROXY_MAX_RULES - 1) /* both ends */
		if (!policy->rules[at].used)
			random_rule(&seed, &policy->rules[at], at);
}

/* An address within one of the set's prefixes of this family, or any address. */
static inline struct prefix address_in(__u64 *state, const struct prefix_set *set, __u8 family)
{
	struct prefix address = random_address(state, family);
	const struct prefix *p;

	if (!set->n || below(state, 4) == 0)
		return address;
	p = &set->items[below(state, (unsigned int)set->n)];
	if (p->family != family)
		return address;
	for (unsigned int bit = 0; bit < p->len; bit++) {
		__u8 one = (__u8)(0x80 >> bit % 8);

		address.addr[bit / 8] =
			(__u8)((address.addr[bit / 8] & ~one) | (p->addr[bit / 8] & one));
	}
	return address;
}

/* A flow close to what some rule asks for. */
static inline struct flow random_flow(__u64 *state, const struct policy *policy)
{
	const struct rule *rule = &policy->rules[below(state, TPROXY_MAX_RULES)];
	struct flow f = { .proto = below(state, 2) ? IPPROTO_TCP : IPPROTO_UDP };
	__u8 family;

	for (int tries = 0; tries < 1000 && !rule->used; tries++)
		rule = &policy->rules[below(state, TPROXY_MAX_RULES)];
	family = below(state, 2) ? AF_INET : AF_INET6;
	f.dst = address_in(state, &rule->to, family);
	f.src = address_in(state, &rule->from, family);
	f.port = random_port(state);
	if (rule->services.n && below(state, 3)) {
		const struct service *s =
			&rule->services.items[below(state, (unsigned int)rule->services.n)];
		f.proto = s->proto;
		if (s->range.first)
			f.port = (__u16)(s->range.first +
					 below(state, 1u + s->range.last - s->range.first));
	}
	return f;
}

/* ---- the two ways to decide --------------------------------------------- */

static inline bool in_set(const struct prefix_set *set, const struct prefix *address)
{
	for (size_t i = 0; i < set->n; i++) {
		struct prefix cut_to = *address;

		if (set->items[i].family != address->family)
			continue;
		cut_to.len = set->items[i].len;
		cut(&cut_to);
		if (!memcmp(cut_to.addr, set->items[i].addr, sizeof(cut_to.addr)))
			return true;
	}
	return false;
}

static inline bool in_services(const struct service_set *set, __u8 proto, __u16 port)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct service *s = &set->items[i];

		if (s->proto == proto &&
		    (!s->range.first || (port >= s->range.first && port <= s->range.last)))
			return true;
	}
	return false;
}

static inline bool rule_accepts(const struct rule *rule, const struct flow *f)
{
	return rule->used && in_set(&rule->to, &f->dst) && in_set(&rule->from, &f->src) &&
	       in_services(&rule->services, f->proto, f->port);
}

/* The specification: the first rule that accepts the flow in every dimension. */
static inline int first_match(const struct policy *policy, const struct flow *f)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (policy->rules[i].local != TPROXY_LOCAL_ONLY &&
		    rule_accepts(&policy->rules[i], f))
			return i;
	return NO_RULE;
}

static inline struct sender random_sender(__u64 *state)
{
	struct sender s = { .uid = random_id(state, TPROXY_OWNER_UID),
			    .gid = random_id(state, TPROXY_OWNER_GID) };

	for (int i = 0; i < CGROUP_DEPTH; i++)
		s.cgroups[i] = random_id(state, TPROXY_OWNER_CGROUP);
	return s;
}

static inline bool in_owners(const struct owner_set *set, __u64 id)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->items[i].known && id >= set->items[i].first && id <= set->items[i].last)
			return true;
	return !set->n && !set->none;
}

static inline bool owners_accept(const struct rule *rule, const struct sender *s)
{
	bool cgroup = false;

	for (int i = 0; i < CGROUP_DEPTH; i++)
		cgroup |= in_owners(&rule->owners[TPROXY_OWNER_CGROUP], s->cgroups[i]);
	return rule->local != TPROXY_LOCAL_NO && cgroup &&
	       in_owners(&rule->owners[TPROXY_OWNER_UID], s->uid) &&
	       in_owners(&rule->owners[TPROXY_OWNER_GID], s->gid);
}

/* The same for own traffic. */
static inline int first_own_match(const struct policy *policy, const struct flow *f,
				  const struct sender *s)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (rule_accepts(&policy->rules[i], f) && owners_accept(&policy->rules[i], s))
			return i;
	return NO_RULE;
}

/* As an LPM trie answers. */
static inline tproxy_mask longest_match(const struct prefix_table *table,
					const struct prefix *address)
{
	const struct prefix_mask *best = NULL;

	for (size_t i = 0; i < table->n; i++) {
		const struct prefix_set one = { .items = &table->items[i].prefix, .n = 1 };

		if (in_set(&one, address) &&
		    (!best || table->items[i].prefix.len > best->prefix.len))
			best = &table->items[i];
	}
	return best ? best->mask : 0;
}

static inline tproxy_mask port_mask(const struct port_table *table, __u8 proto, __u16 port)
{
	tproxy_mask mask = 0;

	for (size_t i = 0; i < table->n; i++)
		if (table->items[i].proto == proto &&
		    (table->items[i].port == port || !table->items[i].port))
			mask |= table->items[i].mask;
	return mask;
}

/* bpf/match.bpf.h in plain words. */
static inline int evaluate_with(const struct tables *tables, const struct flow *f, tproxy_mask mask)
{
	int rule;

	mask &= tables->active & port_mask(&tables->ports, f->proto, f->port) &
		longest_match(&tables->dst, &f->dst) & longest_match(&tables->src, &f->src);
	rule = mask ? __builtin_ctzll(mask) : NO_RULE;
	return rule == NO_RULE || tables->rules[rule].action == TPROXY_ACTION_NONE ? NO_RULE : rule;
}

static inline tproxy_mask local_mask(const struct tables *tables, enum tproxy_local left_out)
{
	tproxy_mask mask = 0;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (tables->rules[i].local != left_out)
			mask |= 1ULL << i;
	return mask;
}

/* On an interface on which every rule for routed flows is in force. */
static inline int evaluate(const struct tables *tables, const struct flow *f)
{
	return evaluate_with(tables, f, local_mask(tables, TPROXY_LOCAL_ONLY));
}

/* A key of the map `owners` of full length, made by hand. */
static inline tproxy_mask owner_mask(const struct tables *tables, enum tproxy_owner_kind kind,
				     __u64 id)
{
	struct prefix p = { .family = OWNER_FAMILY, .len = 96, .addr = { (__u8)kind } };
	const struct prefix_mask *best = NULL;

	for (int i = 0; i < 8; i++)
		p.addr[4 + i] = (__u8)(id >> (56 - 8 * i));
	for (size_t i = 0; i < tables->owners.n; i++) {
		const struct prefix_set one = { .items = &tables->owners.items[i].prefix, .n = 1 };

		if (in_set(&one, &p) && (!best || one.items->len > best->prefix.len))
			best = &tables->owners.items[i];
	}
	return best ? best->mask : 0;
}

/* The program for own traffic in plain words. */
static inline int evaluate_own(const struct tables *tables, const struct flow *f,
			       const struct sender *s)
{
	tproxy_mask cgroups = 0;

	for (int i = 0; i < CGROUP_DEPTH; i++)
		cgroups |= owner_mask(tables, TPROXY_OWNER_CGROUP, s->cgroups[i]);
	return evaluate_with(tables, f,
			     local_mask(tables, TPROXY_LOCAL_NO) & cgroups &
				     owner_mask(tables, TPROXY_OWNER_UID, s->uid) &
				     owner_mask(tables, TPROXY_OWNER_GID, s->gid));
}

#endif
