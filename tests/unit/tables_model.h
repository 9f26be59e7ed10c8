/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of the policy compiler: tables compared with each other and with a walk over the
 * rules, tables that take edits as the maps do, policies from a few words. Every failure names its
 * seed: random_policy(seed) makes that policy again.
 */
#ifndef TABLES_MODEL_H
#define TABLES_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "lib/util.h"
#include "policy/tables.h"
#include "prefix.h"
#include "random_policy.h"

#define SEED 1000u
#define POLICIES 3000
#define FLOWS 60

static inline void expect_decides(const struct tables *tables, const struct policy *policy,
				  __u64 seed)
{
	__u64 state = seed ^ 0xf10f10;

	for (int i = 0; i < FLOWS; i++) {
		struct flow f = random_flow(&state, policy);
		int expected = first_match(policy, &f), got = evaluate(tables, &f);
		char src[PREFIX_TEXT_LEN], dst[PREFIX_TEXT_LEN];

		struct sender s = random_sender(&state);

		if (evaluate_own(tables, &f, &s) != first_own_match(policy, &f, &s))
			fail_msg("seed %llu: own flow of uid %llu gid %llu: rule %d, expected %d",
				 (unsigned long long)seed, s.uid, s.gid,
				 evaluate_own(tables, &f, &s), first_own_match(policy, &f, &s));
		if (got != expected)
			fail_msg("seed %llu: proto %u %s -> %s port %u: rule %d, expected %d",
				 (unsigned long long)seed, f.proto, prefix_format(&f.src, src),
				 prefix_format(&f.dst, dst), f.port, got, expected);
	}
}

/* ---- comparing tables --------------------------------------------------- */

static inline bool same_prefixes(const struct prefix_table *a, const struct prefix_table *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (prefix_cmp(&a->items[i].prefix, &b->items[i].prefix) ||
		    a->items[i].mask != b->items[i].mask)
			return false;
	return true;
}

static inline bool same_ports(const struct port_table *a, const struct port_table *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->items[i].proto != b->items[i].proto ||
		    a->items[i].port != b->items[i].port || a->items[i].mask != b->items[i].mask)
			return false;
	return true;
}

static inline void expect_same(const struct tables *a, const struct tables *b, __u64 seed)
{
	const char *differs = NULL;

	if (!same_prefixes(&a->dst, &b->dst))
		differs = "dst";
	else if (!same_prefixes(&a->src, &b->src))
		differs = "src";
	else if (!same_prefixes(&a->owners, &b->owners))
		differs = "owners";
	else if (!same_ports(&a->ports, &b->ports))
		differs = "ports";
	else if (memcmp(a->rules, b->rules, sizeof(a->rules)))
		differs = "rules";
	else if (a->active != b->active)
		differs = "active";
	if (differs)
		fail_msg("seed %llu: %s differs", (unsigned long long)seed, differs);
}

static inline void expect_sorted(const struct tables *t, __u64 seed)
{
	const struct prefix_table *tables[] = { &t->dst, &t->src, &t->owners };

	for (size_t n = 0; n < ARRAY_SIZE(tables); n++)
		for (size_t i = 1; i < tables[n]->n; i++)
			if (prefix_cmp(&tables[n]->items[i - 1].prefix,
				       &tables[n]->items[i].prefix) >= 0)
				fail_msg("seed %llu: order of prefixes", (unsigned long long)seed);
	for (size_t i = 1; i < t->ports.n; i++) {
		const struct port_mask *a = &t->ports.items[i - 1], *b = &t->ports.items[i];

		if (a->proto > b->proto || (a->proto == b->proto && a->port >= b->port))
			fail_msg("seed %llu: order of ports", (unsigned long long)seed);
	}
}

/* ---- maps that take edits ----------------------------------------------- */

/* As a map operation; a removal must find its key, an update must change something. */
static inline void change_prefix(struct prefix_table *table, const struct prefix *key, bool remove,
				 tproxy_mask mask)
{
	for (size_t i = 0; i < table->n; i++) {
		if (prefix_cmp(&table->items[i].prefix, key))
			continue;
		if (remove) {
			table->items[i] = table->items[--table->n];
		} else {
			assert_int_not_equal(table->items[i].mask, mask);
			table->items[i].mask = mask;
		}
		return;
	}
	assert_false(remove);
	assert_int_equal(prefix_table_append(table, key, mask), 0);
}

static inline void change_port(struct port_table *table, const struct tproxy_port *key, bool remove,
			       tproxy_mask mask)
{
	assert_int_equal(key->zero, 0);
	for (size_t i = 0; i < table->n; i++) {
		if (table->items[i].proto != key->proto || table->items[i].port != ntohs(key->port))
			continue;
		if (remove) {
			table->items[i] = table->items[--table->n];
		} else {
			assert_int_not_equal(table->items[i].mask, mask);
			table->items[i].mask = mask;
		}
		return;
	}
	assert_false(remove);
	assert_int_equal(port_table_append(table, key->proto, ntohs(key->port), mask), 0);
}

static inline void change_rule(struct tables *tables, const struct tables_edit *edit)
{
	assert_false(edit->remove);
	assert_true(edit->key.index < TPROXY_MAX_RULES);
	tables->rules[edit->key.index] = edit->value.rule;
	if (edit->value.rule.action == TPROXY_ACTION_NONE)
		tables->active &= ~(1ULL << edit->key.index);
	else
		tables->active |= 1ULL << edit->key.index;
}

struct maps {
	struct tables tables;
	int stage;
	unsigned int edits;
};

static inline void change_lpm(struct maps *maps, const struct tables_edit *edit)
{
	bool source = edit->map == TABLES_SRC4 || edit->map == TABLES_SRC6;
	struct prefix p = { .family = AF_INET6 };

	if (edit->map == TABLES_DST4 || edit->map == TABLES_SRC4) {
		assert_int_equal(edit->key_size, sizeof(edit->key.lpm4));
		p.family = AF_INET;
		p.len = (__u8)edit->key.lpm4.prefixlen;
		memcpy(p.addr, edit->key.lpm4.addr, sizeof(edit->key.lpm4.addr));
	} else {
		assert_int_equal(edit->key_size, sizeof(edit->key.lpm6));
		p.len = (__u8)edit->key.lpm6.prefixlen;
		memcpy(p.addr, edit->key.lpm6.addr, sizeof(edit->key.lpm6.addr));
	}
	change_prefix(source ? &maps->tables.src : &maps->tables.dst, &p, edit->remove,
		      edit->value.mask);
}

/* Rule entries, ports, owners, sources, destinations, new rules: in this order. */
static inline int stage_of(const struct tables_edit *edit, const struct tables *tables)
{
	static const int stages[TABLES_MAP_MAX] = {
		[TABLES_RULES] = 1, [TABLES_PORTS] = 2, [TABLES_OWNERS] = 3, [TABLES_SRC4] = 4,
		[TABLES_SRC6] = 4,  [TABLES_DST4] = 5,  [TABLES_DST6] = 5,
	};

	if (edit->map == TABLES_RULES &&
	    tables->rules[edit->key.index].action == TPROXY_ACTION_NONE)
		return 6;
	return stages[edit->map];
}

static inline int change(const struct tables_edit *edit, void *arg)
{
	struct maps *maps = arg;

	assert_in_range(edit->map, 0, TABLES_MAP_MAX - 1);
	assert_true(stage_of(edit, &maps->tables) >= maps->stage);
	maps->stage = stage_of(edit, &maps->tables);
	maps->edits++;
	if (edit->map == TABLES_RULES) {
		assert_int_equal(edit->key_size, sizeof(__u32));
		assert_int_equal(edit->value_size, sizeof(struct tproxy_rule));
		change_rule(&maps->tables, edit);
		return 0;
	}
	assert_int_equal(edit->value_size, sizeof(tproxy_mask));
	if (edit->map == TABLES_PORTS) {
		assert_int_equal(edit->key_size, sizeof(struct tproxy_port));
		change_port(&maps->tables.ports, &edit->key.port, edit->remove, edit->value.mask);
		return 0;
	}
	if (edit->map == TABLES_OWNERS) {
		const struct prefix p = owner_of_key(&edit->key.owner);

		assert_int_equal(edit->key_size, sizeof(struct tproxy_owner_key));
		change_prefix(&maps->tables.owners, &p, edit->remove, edit->value.mask);
		return 0;
	}
	change_lpm(maps, edit);
	return 0;
}

/* ---- policies ----------------------------------------------------------- */

/* Adds a rule, changes one, or removes one; some get other owners, too. */
static inline void random_edit(__u64 *state, struct policy *policy)
{
	struct rule *rule = &policy->rules[below(state, TPROXY_MAX_RULES)];
	struct prefix p = random_prefix(state);

	if (rule->used && *state % 4 == 0) {
		for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++)
			owner_set_free(&rule->owners[kind]);
		random_owners(*state, rule);
	}
	switch (below(state, 6)) {
	case 0:
		rule_free(rule);
		break;
	case 1:
		if (!rule->used)
			random_rule(state, rule, (int)(rule - policy->rules));
		break;
	case 2:
		if (rule->used)
			rule->action = TPROXY_ACTION_PASS;
		break;
	case 3:
		if (rule->used)
			assert_int_equal(prefix_set_add(&rule->to, &p), 0);
		break;
	case 4:
		if (rule->to.n)
			rule->to.n--;
		break;
	default:
		if (rule->used)
			random_services(state, &rule->services);
	}
}

static inline void put(struct policy *policy, int index, const char *to, const char *from,
		       const char *ports)
{
	struct rule *rule = &policy->rules[index];
	const char *why = NULL;

	rule->used = true;
	rule->action = TPROXY_ACTION_PROXY;
	snprintf(rule->name, sizeof(rule->name), "r%d", index);
	if (policy_parse_prefixes(to, &rule->to, &why) ||
	    policy_parse_prefixes(from, &rule->from, &why) ||
	    policy_parse_services(ports, IPPROTO_TCP, &rule->services, &why))
		fail_msg("%s", why);
}

static inline tproxy_mask mask_at(const struct prefix_table *table, const char *text)
{
	const struct prefix p = prefix(text);

	for (size_t i = 0; i < table->n; i++)
		if (!prefix_cmp(&table->items[i].prefix, &p))
			return table->items[i].mask;
	return 0;
}

#endif
