/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Properties of the policy compiler. Random policies, compiled and evaluated as
 * the data path does, must decide as a walk over the rules would. Every failure
 * names its seed: random_policy(seed) makes that policy again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "policy/tables.h"
#include "lib/util.h"
#include "prefix.h"
#include "random_policy.h"

#define SEED 1000u
#define POLICIES 3000
#define FLOWS 60

static void expect_decides(const struct tables *tables, const struct policy *policy, __u64 seed)
{
	__u64 state = seed ^ 0xf10f10;

	for (int i = 0; i < FLOWS; i++) {
		struct flow f = random_flow(&state, policy);
		int expected = first_match(policy, &f), got = evaluate(tables, &f);
		char src[PREFIX_TEXT_LEN], dst[PREFIX_TEXT_LEN];

		if (got != expected)
			fail_msg("seed %llu: proto %u %s -> %s port %u: rule %d, expected %d",
				 (unsigned long long)seed, f.proto, prefix_format(&f.src, src),
				 prefix_format(&f.dst, dst), f.port, got, expected);
	}
}

/* ---- comparing tables ----------------------------------------------------- */

static bool same_prefixes(const struct prefix_table *a, const struct prefix_table *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (prefix_cmp(&a->items[i].prefix, &b->items[i].prefix) ||
		    a->items[i].mask != b->items[i].mask)
			return false;
	return true;
}

static bool same_ports(const struct port_table *a, const struct port_table *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->items[i].proto != b->items[i].proto ||
		    a->items[i].port != b->items[i].port || a->items[i].mask != b->items[i].mask)
			return false;
	return true;
}

static void expect_same(const struct tables *a, const struct tables *b, __u64 seed)
{
	const char *differs = NULL;

	if (!same_prefixes(&a->dst, &b->dst))
		differs = "dst";
	else if (!same_prefixes(&a->src, &b->src))
		differs = "src";
	else if (!same_ports(&a->ports, &b->ports))
		differs = "ports";
	else if (memcmp(a->rules, b->rules, sizeof(a->rules)))
		differs = "rules";
	else if (a->active != b->active)
		differs = "active";
	if (differs)
		fail_msg("seed %llu: %s differs", (unsigned long long)seed, differs);
}

static void expect_sorted(const struct tables *t, __u64 seed)
{
	const struct prefix_table *tables[] = { &t->dst, &t->src };

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

/* ---- maps that take edits ------------------------------------------------- */

/* What a map operation would do; a removal must find its key, an update must change something. */
static void change_prefix(struct prefix_table *table, const struct prefix *key, bool remove,
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

static void change_port(struct port_table *table, const struct tproxy_port *key, bool remove,
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

static void change_rule(struct tables *tables, const struct tables_edit *edit)
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

static void change_lpm(struct maps *maps, const struct tables_edit *edit)
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

/* Rule entries, ports, sources, destinations, new rules: in this order. */
static int stage_of(const struct tables_edit *edit, const struct tables *tables)
{
	static const int stages[TABLES_MAP_MAX] = {
		[TABLES_RULES] = 1, [TABLES_PORTS] = 2, [TABLES_SRC4] = 3,
		[TABLES_SRC6] = 3,  [TABLES_DST4] = 4,  [TABLES_DST6] = 4,
	};

	if (edit->map == TABLES_RULES &&
	    tables->rules[edit->key.index].action == TPROXY_ACTION_NONE)
		return 5;
	return stages[edit->map];
}

static int change(const struct tables_edit *edit, void *arg)
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
	change_lpm(maps, edit);
	return 0;
}

/* ---- properties ----------------------------------------------------------- */

static void test_first_match(void **unused)
{
	for (__u64 seed = SEED; seed < SEED + POLICIES; seed++) {
		struct policy policy __cleanup_policy = { 0 };
		struct tables tables __cleanup_tables = { 0 };

		random_policy(seed, &policy);
		assert_int_equal(tables_compile(&policy, &tables), 0);
		expect_sorted(&tables, seed);
		expect_decides(&tables, &policy, seed);
	}
}

static void test_back_means_the_same(void **unused)
{
	for (__u64 seed = SEED; seed < SEED + POLICIES; seed++) {
		struct policy policy __cleanup_policy = { 0 };
		struct policy back __cleanup_policy = { 0 };
		struct tables tables __cleanup_tables = { 0 };
		struct tables again __cleanup_tables = { 0 };

		random_policy(seed, &policy);
		assert_int_equal(tables_compile(&policy, &tables), 0);
		assert_int_equal(tables_to_policy(&tables, &back), 0);
		assert_int_equal(tables_compile(&back, &again), 0);
		expect_decides(&tables, &back, seed);
		expect_decides(&again, &policy, seed);
	}
}

/* What is read back from the maps must be what is in the maps, or the next edit goes wrong. */
static void test_back_compiles_to_the_same(void **unused)
{
	for (__u64 seed = SEED; seed < SEED + POLICIES; seed++) {
		struct policy policy __cleanup_policy = { 0 };
		struct policy back __cleanup_policy = { 0 };
		struct tables tables __cleanup_tables = { 0 };
		struct tables again __cleanup_tables = { 0 };

		random_policy(seed, &policy);
		assert_int_equal(tables_compile(&policy, &tables), 0);
		assert_int_equal(tables_to_policy(&tables, &back), 0);
		assert_int_equal(tables_compile(&back, &again), 0);
		expect_same(&tables, &again, seed);
	}
}

static void diff_and_apply(const struct policy *from, const struct policy *to, __u64 seed)
{
	struct tables before __cleanup_tables = { 0 };
	struct tables after __cleanup_tables = { 0 };
	struct maps maps = { .stage = 0 };

	assert_int_equal(tables_compile(from, &before), 0);
	assert_int_equal(tables_compile(to, &after), 0);
	assert_int_equal(tables_compile(from, &maps.tables), 0);
	assert_int_equal(tables_diff(&before, &after, change, &maps), 0);
	tables_sort(&maps.tables);
	expect_same(&maps.tables, &after, seed);
	maps.edits = 0;
	maps.stage = 0;
	assert_int_equal(tables_diff(&after, &after, change, &maps), 0);
	assert_int_equal(maps.edits, 0);
	tables_free(&maps.tables);
}

/* Adds to, takes from and drops rules of a policy. */
static void random_edit(__u64 *state, struct policy *policy)
{
	struct rule *rule = &policy->rules[below(state, TPROXY_MAX_RULES)];
	struct prefix p = random_prefix(state);

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

static void test_diff(void **unused)
{
	for (__u64 seed = SEED; seed < SEED + POLICIES; seed++) {
		struct policy from __cleanup_policy = { 0 };
		struct policy to __cleanup_policy = { 0 };
		__u64 state = seed;

		random_policy(seed, &from);
		if (seed % 2) {
			random_policy(seed + POLICIES, &to);
		} else {
			assert_int_equal(policy_copy(&from, &to), 0);
			for (int i = 0; i < 20; i++)
				random_edit(&state, &to);
		}
		diff_and_apply(&from, &to, seed);
		diff_and_apply(&to, &from, seed);
	}
}

/*
 * Packets are matched while the edits are made. At each moment the masks an address
 * finds must be those of the one policy or of the other: a moment with neither lets
 * flows past the proxy that both policies give to it.
 */
#define WATCHED 24

struct watch {
	struct maps maps;
	struct prefix addresses[WATCHED];
	tproxy_mask before[WATCHED][2], after[WATCHED][2];
	struct flow flows[WATCHED]; /* for their ports */
	tproxy_mask kept[WATCHED];  /* rules that have the port before and after */
	__u64 seed;
};

/* Two entries answer for a port, its own and "every port": no rule that stays may be missed. */
static void look_at_ports(const struct watch *w)
{
	for (int i = 0; i < WATCHED; i++) {
		const struct flow *f = &w->flows[i];
		tproxy_mask now = port_mask(&w->maps.tables.ports, f->proto, f->port);

		if (w->kept[i] & ~now)
			fail_msg("seed %llu: proto %u port %u finds %llx without %llx",
				 (unsigned long long)w->seed, f->proto, f->port,
				 (unsigned long long)now, (unsigned long long)w->kept[i]);
	}
}

static int change_and_look(const struct tables_edit *edit, void *arg)
{
	struct watch *w = arg;
	const struct prefix_table *tables[] = { &w->maps.tables.dst, &w->maps.tables.src };
	char buf[PREFIX_TEXT_LEN];

	change(edit, &w->maps);
	look_at_ports(w);
	for (int i = 0; i < WATCHED; i++) {
		for (int way = 0; way < 2; way++) {
			tproxy_mask now = longest_match(tables[way], &w->addresses[i]);

			if (now != w->before[i][way] && now != w->after[i][way])
				fail_msg("seed %llu: %s finds %llx, before %llx, after %llx",
					 (unsigned long long)w->seed,
					 prefix_format(&w->addresses[i], buf),
					 (unsigned long long)now,
					 (unsigned long long)w->before[i][way],
					 (unsigned long long)w->after[i][way]);
		}
	}
	return 0;
}

static void watch_diff(const struct policy *from, const struct policy *to, __u64 seed)
{
	struct tables before __cleanup_tables = { 0 };
	struct tables after __cleanup_tables = { 0 };
	struct watch w = { .seed = seed };
	__u64 state = seed ^ 0x3a7c4;

	assert_int_equal(tables_compile(from, &before), 0);
	assert_int_equal(tables_compile(to, &after), 0);
	assert_int_equal(tables_compile(from, &w.maps.tables), 0);
	for (int i = 0; i < WATCHED; i++) {
		struct flow f = random_flow(&state, i % 2 ? from : to);

		w.addresses[i] = i % 4 < 2 ? f.dst : f.src;
		w.before[i][0] = longest_match(&before.dst, &w.addresses[i]);
		w.before[i][1] = longest_match(&before.src, &w.addresses[i]);
		w.after[i][0] = longest_match(&after.dst, &w.addresses[i]);
		w.after[i][1] = longest_match(&after.src, &w.addresses[i]);
		w.flows[i] = f;
		w.kept[i] = port_mask(&before.ports, f.proto, f.port) &
			    port_mask(&after.ports, f.proto, f.port);
	}
	assert_int_equal(tables_diff(&before, &after, change_and_look, &w), 0);
	tables_free(&w.maps.tables);
}

static void test_never_between(void **unused)
{
	for (__u64 seed = SEED; seed < SEED + POLICIES / 3; seed++) {
		struct policy from __cleanup_policy = { 0 };
		struct policy to __cleanup_policy = { 0 };
		__u64 state = seed;

		random_policy(seed, &from);
		assert_int_equal(policy_copy(&from, &to), 0);
		for (int i = 0; i < 20; i++)
			random_edit(&state, &to);
		watch_diff(&from, &to, seed);
	}
}

/*
 * The life of a policy: read back from the maps, changed a little, written as the
 * difference of the two, again and again. The maps must mean what was asked for.
 */
static void test_many_edits(void **unused)
{
	for (__u64 seed = SEED; seed < SEED + POLICIES / 10; seed++) {
		struct maps maps = { .stage = 0 };
		__u64 state = seed;

		for (int i = 0; i < 30; i++) {
			struct policy from __cleanup_policy = { 0 };
			struct policy to __cleanup_policy = { 0 };
			struct tables before __cleanup_tables = { 0 };
			struct tables after __cleanup_tables = { 0 };

			assert_int_equal(tables_to_policy(&maps.tables, &from), 0);
			assert_int_equal(policy_copy(&from, &to), 0);
			for (int n = 0; n < 10; n++)
				random_edit(&state, &to);
			assert_int_equal(tables_compile(&from, &before), 0);
			assert_int_equal(tables_compile(&to, &after), 0);
			maps.stage = 0;
			assert_int_equal(tables_diff(&before, &after, change, &maps), 0);
			tables_sort(&maps.tables);
			expect_decides(&maps.tables, &to, seed);
		}
		tables_free(&maps.tables);
	}
}

/* ---- policies by hand ------------------------------------------------------ */

static void put(struct policy *policy, int index, const char *to, const char *from,
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

static tproxy_mask mask_at(const struct prefix_table *table, const char *text)
{
	const struct prefix p = prefix(text);

	for (size_t i = 0; i < table->n; i++)
		if (!prefix_cmp(&table->items[i].prefix, &p))
			return table->items[i].mask;
	return 0;
}

/* ---- edits beside hand-made entries --------------------------------------- */

#define HAND_MADE 6

static tproxy_mask used_rules(const struct tables *tables)
{
	tproxy_mask used = 0;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (tables->rules[i].action != TPROXY_ACTION_NONE)
			used |= 1ULL << i;
	return used;
}

/* What `bpftool map update` does to a table: any prefix, any of the rules there are. */
static void edit_by_hand(__u64 *state, struct prefix_table *table, tproxy_mask used,
			 struct prefix *ret_prefix)
{
	tproxy_mask mask = below(state, 3) ? random_next(state) & random_next(state) & used : 0;
	struct prefix p = random_prefix(state);

	*ret_prefix = p;
	if (table->n && below(state, 2))
		p = table->items[below(state, (unsigned int)table->n)].prefix;
	if (p.len < bits_of(p.family) && below(state, 2)) {
		p.len = (__u8)(p.len + 1 + below(state, bits_of(p.family) - p.len));
		if (below(state, 2))
			p.addr[(p.len - 1) / 8] |= (__u8)(0x80 >> (p.len - 1) % 8);
	}
	*ret_prefix = p;
	for (size_t i = 0; i < table->n; i++) {
		if (!prefix_cmp(&table->items[i].prefix, &p)) {
			table->items[i].mask = mask;
			return;
		}
	}
	assert_int_equal(prefix_table_append(table, &p, mask), 0);
}

static const struct prefix *longest_key(const struct prefix_table *table,
					const struct prefix *address)
{
	const struct prefix *best = NULL;

	for (size_t i = 0; i < table->n; i++) {
		const struct prefix *p = &table->items[i].prefix;

		if (prefix_covers(p, address) && (!best || p->len > best->len))
			best = p;
	}
	return best;
}

struct by_hand {
	struct tables actual, before, after, target;
	struct prefix made[HAND_MADE];
};

/*
 * Where no hand-made entry answers for an address, nor covers it, the new policy holds.
 * Where one answers, it keeps every rule that the change does not concern there.
 */
static void expect_rebased(const struct by_hand *h, const struct prefix *address, __u64 seed)
{
	tproxy_mask actual = longest_match(&h->actual.dst, address);
	tproxy_mask before = longest_match(&h->before.dst, address);
	tproxy_mask after = longest_match(&h->after.dst, address);
	tproxy_mask target = longest_match(&h->target.dst, address);
	const struct prefix *key = longest_key(&h->actual.dst, address);
	tproxy_mask expected = (actual & ~(before ^ after)) | (after & (before ^ after));
	bool covered = false, answers = false;
	char buf[PREFIX_TEXT_LEN];

	for (int i = 0; i < HAND_MADE; i++) {
		covered |= prefix_covers(&h->made[i], address);
		answers |= key && !prefix_cmp(&h->made[i], key);
	}
	if (covered && !answers)
		return; /* whether it does when the policy's own entry goes is open */
	if (target != (answers ? expected : after))
		fail_msg("seed %llu: %s: %llx, before %llx, after %llx: found %llx",
			 (unsigned long long)seed, prefix_format(address, buf),
			 (unsigned long long)actual, (unsigned long long)before,
			 (unsigned long long)after, (unsigned long long)target);
}

static void rebase_edited(const struct policy *from, const struct policy *to, __u64 seed)
{
	struct by_hand h = { 0 };
	__u64 state = seed ^ 0x4a2d;

	assert_int_equal(tables_compile(from, &h.before), 0);
	assert_int_equal(tables_compile(to, &h.after), 0);
	assert_int_equal(tables_compile(from, &h.actual), 0);
	for (int i = 0; i < HAND_MADE; i++)
		edit_by_hand(&state, &h.actual.dst, used_rules(&h.actual), &h.made[i]);
	tables_sort(&h.actual);
	assert_int_equal(tables_rebase(&h.actual, &h.before, &h.after, &h.target), 0);
	expect_sorted(&h.target, seed);
	for (int i = 0; i < FLOWS; i++) {
		const struct prefix_set made = { .items = h.made, .n = HAND_MADE };
		struct flow f = random_flow(&state, i % 2 ? from : to);

		if (i % 3 == 0)
			f.dst = address_in(&state, &made, f.dst.family);
		expect_rebased(&h, &f.dst, seed);
	}
	tables_free(&h.actual);
	tables_free(&h.before);
	tables_free(&h.after);
	tables_free(&h.target);
}

static void test_rebase_keeps_hand_made(void **unused)
{
	for (__u64 seed = SEED; seed < SEED + POLICIES; seed++) {
		struct policy from __cleanup_policy = { 0 };
		struct policy to __cleanup_policy = { 0 };
		__u64 state = seed;

		random_policy(seed, &from);
		assert_int_equal(policy_copy(&from, &to), 0);
		for (int i = 0; i < 5; i++)
			random_edit(&state, &to);
		rebase_edited(&from, &to, seed);
	}
}

/* Nobody edited: the new policy. Nothing changes: what there is. */
static void test_rebase_alone(void **unused)
{
	for (__u64 seed = SEED; seed < SEED + POLICIES; seed++) {
		struct policy policies[3] = { 0 };
		struct tables t[3] = { 0 }, target;

		for (int i = 0; i < 3; i++) {
			random_policy(seed + (__u64)i * POLICIES, &policies[i]);
			assert_int_equal(tables_compile(&policies[i], &t[i]), 0);
		}
		assert_int_equal(tables_rebase(&t[0], &t[0], &t[1], &target), 0);
		expect_same(&target, &t[1], seed);
		tables_free(&target);
		assert_int_equal(tables_rebase(&t[2], &t[0], &t[0], &target), 0);
		target.active = t[2].active; /* of the policies, not of the maps */
		expect_same(&target, &t[2], seed);
		tables_free(&target);
		for (int i = 0; i < 3; i++) {
			policy_free(&policies[i]);
			tables_free(&t[i]);
		}
	}
}

/* An exclusion by hand, and a rule that comes for a part of it: only that rule gets through. */
static void test_rebase_exclusion(void **unused)
{
	static const struct prefix excluded = { AF_INET, 16, { 10, 1 } };
	struct policy from __cleanup_policy = { 0 };
	struct policy to __cleanup_policy = { 0 };
	struct tables actual __cleanup_tables = { 0 };
	struct tables before __cleanup_tables = { 0 };
	struct tables after __cleanup_tables = { 0 };
	struct tables target __cleanup_tables = { 0 };

	put(&from, 0, "10.0.0.0/8", "all", "22");
	put(&to, 0, "10.0.0.0/8", "all", "22");
	put(&to, 1, "10.1.2.0/24", "all", "22");
	assert_int_equal(tables_compile(&from, &actual), 0);
	assert_int_equal(tables_compile(&from, &before), 0);
	assert_int_equal(tables_compile(&to, &after), 0);
	assert_int_equal(prefix_table_append(&actual.dst, &excluded, 0), 0);
	tables_sort(&actual);
	assert_int_equal(tables_rebase(&actual, &before, &after, &target), 0);
	assert_int_equal(target.dst.n, 3);
	assert_int_equal(mask_at(&target.dst, "10.0.0.0/8"), 1);
	assert_int_equal(mask_at(&target.dst, "10.1.0.0/16"), 0);
	assert_int_equal(mask_at(&target.dst, "10.1.2.0/24"), 2);
}

/* A kill leaves parts of a rule that came or went: the next rule of that number inherits nothing. */
static void test_rebase_leftovers(void **unused)
{
	struct policy from __cleanup_policy = { 0 };
	struct policy killed __cleanup_policy = { 0 };
	struct policy to __cleanup_policy = { 0 };
	struct tables actual __cleanup_tables = { 0 };
	struct tables before __cleanup_tables = { 0 };
	struct tables after __cleanup_tables = { 0 };
	struct tables target __cleanup_tables = { 0 };

	put(&from, 0, "10.0.0.0/8", "all", "22");
	put(&killed, 0, "10.0.0.0/8", "all", "22");
	put(&killed, 1, "10.1.0.0/16,192.0.2.0/24", "10.9.0.0/16", "80");
	put(&to, 0, "10.0.0.0/8", "all", "22");
	put(&to, 1, "10.1.2.0/24", "all", "443");
	assert_int_equal(tables_compile(&killed, &actual), 0);
	memset(&actual.rules[1], 0, sizeof(actual.rules[1]));
	assert_int_equal(tables_compile(&from, &before), 0);
	assert_int_equal(tables_compile(&to, &after), 0);
	assert_int_equal(tables_rebase(&actual, &before, &after, &target), 0);
	expect_same(&target, &after, 0);
}

/* ---- single facts --------------------------------------------------------- */

static void test_empty(void **unused)
{
	struct policy policy __cleanup_policy = { 0 };
	struct policy back __cleanup_policy = { 0 };
	struct tables tables __cleanup_tables = { 0 };
	struct flow f = { .proto = IPPROTO_TCP, .port = 80 };

	f.dst = f.src = (struct prefix){ AF_INET, 32, { 10, 0, 0, 1 } };
	assert_int_equal(tables_compile(&policy, &tables), 0);
	assert_int_equal(tables.dst.n + tables.src.n + tables.ports.n, 0);
	assert_int_equal(tables.active, 0);
	assert_int_equal(evaluate(&tables, &f), NO_RULE);
	assert_int_equal(tables_to_policy(&tables, &back), 0);
	assert_memory_equal(&policy, &back, sizeof(policy));
}

static void test_masks_inherit(void **unused)
{
	struct policy policy __cleanup_policy = { 0 };
	struct tables t __cleanup_tables = { 0 };

	put(&policy, 0, "10.0.0.0/8", "all", "22");
	put(&policy, 1, "10.1.0.0/16,192.0.2.1", "0.0.0.0/0", "22-23");
	put(&policy, 63, "10.1.2.0/24,0.0.0.0/0", "::/0", "23");
	assert_int_equal(tables_compile(&policy, &t), 0);
	assert_int_equal(t.active, 1ULL << 63 | 3);
	assert_int_equal(mask_at(&t.dst, "0.0.0.0/0"), 1ULL << 63);
	assert_int_equal(mask_at(&t.dst, "10.0.0.0/8"), 1ULL << 63 | 1);
	assert_int_equal(mask_at(&t.dst, "10.1.0.0/16"), 1ULL << 63 | 3);
	assert_int_equal(mask_at(&t.dst, "192.0.2.1"), 1ULL << 63 | 2);
	assert_int_equal(mask_at(&t.src, "0.0.0.0/0"), 3);
	assert_int_equal(mask_at(&t.src, "::/0"), 1ULL << 63 | 1);
	assert_int_equal(port_mask(&t.ports, IPPROTO_TCP, 22), 3);
	assert_int_equal(port_mask(&t.ports, IPPROTO_TCP, 23), 1ULL << 63 | 2);
	assert_int_equal(port_mask(&t.ports, IPPROTO_UDP, 23), 0);
}

/* A prefix within another one of the same rule says nothing: it must not be in the tables. */
static void test_covered_prefix_is_left_out(void **unused)
{
	struct policy policy __cleanup_policy = { 0 };
	struct tables t __cleanup_tables = { 0 };

	put(&policy, 0, "10.0.0.0/8,10.1.0.0/16", "0.0.0.0/0,192.0.2.1", "22");
	assert_int_equal(tables_compile(&policy, &t), 0);
	assert_int_equal(t.dst.n, 1);
	assert_int_equal(t.src.n, 1);
}

static void test_all_ports(void **unused)
{
	struct policy policy __cleanup_policy = { 0 };
	struct policy back __cleanup_policy = { 0 };
	struct tables t __cleanup_tables = { 0 };

	put(&policy, 7, "all", "all", "1-65535");
	assert_int_equal(tables_compile(&policy, &t), 0);
	assert_int_equal(t.ports.n, 65535);
	assert_int_equal(t.ports.items[65534].port, 65535);
	assert_int_equal(tables_to_policy(&t, &back), 0);
	assert_int_equal(back.rules[7].services.n, 1);
	assert_int_equal(back.rules[7].services.items[0].range.first, 1);
	assert_int_equal(back.rules[7].services.items[0].range.last, 65535);
}

static const struct {
	const char *proxy;
	__u16 port;
	const char *v4, *v6; /* NULL: zero */
} proxies[] = {
	{ "relay", 0, NULL, NULL },
	{ "15002", 15002, "127.0.0.1", "::1" },
	{ "10.0.0.1:80", 80, "10.0.0.1", "::1" },
	{ "[2001:db8::1]:80", 80, "127.0.0.1", "2001:db8::1" },
};

static void test_rule_entries(void **unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(proxies); i++) {
		struct policy policy __cleanup_policy = { 0 };
		struct policy back __cleanup_policy = { 0 };
		struct tables t __cleanup_tables = { 0 };
		__u8 v4[4] = { 0 }, v6[16] = { 0 };
		char text[PROXY_TEXT_LEN];
		const char *why;

		put(&policy, 4, "all", "all", "22");
		policy.rules[4].on_down = TPROXY_ON_DOWN_RESET;
		policy.rules[4].unrouted = i % TPROXY_UNROUTED_MAX;
		assert_int_equal(policy_parse_proxy(proxies[i].proxy, &policy.rules[4].proxy, &why),
				 0);
		assert_int_equal(tables_compile(&policy, &t), 0);
		if (proxies[i].v4)
			inet_pton(AF_INET, proxies[i].v4, v4);
		if (proxies[i].v6)
			inet_pton(AF_INET6, proxies[i].v6, v6);
		assert_int_equal(t.rules[4].action, TPROXY_ACTION_PROXY);
		assert_int_equal(t.rules[4].on_down, TPROXY_ON_DOWN_RESET);
		assert_int_equal(t.rules[4].unrouted, i % TPROXY_UNROUTED_MAX);
		assert_int_equal(ntohs(t.rules[4].proxy_port), proxies[i].port);
		assert_memory_equal(t.rules[4].proxy4, v4, sizeof(v4));
		assert_memory_equal(t.rules[4].proxy6, v6, sizeof(v6));
		assert_string_equal((const char *)t.rules[4].name, "r4");
		assert_int_equal(t.rules[3].action, TPROXY_ACTION_NONE);
		assert_int_equal(tables_to_policy(&t, &back), 0);
		assert_int_equal(back.rules[4].unrouted, policy.rules[4].unrouted);
		assert_string_equal(proxy_format(&back.rules[4].proxy, text), proxies[i].proxy);
	}
}

static int stop_at_third(const struct tables_edit *edit, void *arg)
{
	return ++*(int *)arg == 3 ? -E2BIG : 0;
}

static void test_diff_stops(void **unused)
{
	struct policy policy __cleanup_policy = { 0 };
	struct tables empty __cleanup_tables = { 0 };
	struct tables t __cleanup_tables = { 0 };
	int calls = 0;

	put(&policy, 0, "all", "all", "22-23");
	assert_int_equal(tables_compile(&policy, &t), 0);
	assert_int_equal(tables_diff(&empty, &t, stop_at_third, &calls), -E2BIG);
	assert_int_equal(calls, 3);
}

/* Readers of maps append in any order, and keys may come twice. */
static void test_sort_merges(void **unused)
{
	struct tables t __cleanup_tables = { 0 };
	const struct prefix p = { AF_INET, 8, { 10 } }, q = { AF_INET, 8, { 9 } };

	assert_int_equal(prefix_table_append(&t.dst, &p, 1), 0);
	assert_int_equal(prefix_table_append(&t.dst, &q, 2), 0);
	assert_int_equal(prefix_table_append(&t.dst, &p, 4), 0);
	assert_int_equal(port_table_append(&t.ports, IPPROTO_UDP, 5, 1), 0);
	assert_int_equal(port_table_append(&t.ports, IPPROTO_TCP, 5, 2), 0);
	assert_int_equal(port_table_append(&t.ports, IPPROTO_UDP, 5, 4), 0);
	tables_sort(&t);
	assert_int_equal(t.dst.n, 2);
	assert_int_equal(t.dst.items[0].mask, 2);
	assert_int_equal(t.dst.items[1].mask, 5);
	assert_int_equal(t.src.n, 0);
	assert_int_equal(t.ports.n, 2);
	assert_int_equal(t.ports.items[0].mask, 2);
	assert_int_equal(t.ports.items[1].mask, 5);
}

static void test_map_names(void **unused)
{
	static const char *const names[TABLES_MAP_MAX] = { "dst4", "dst6",  "src4",
							   "src6", "ports", "rules" };

	for (int i = 0; i < TABLES_MAP_MAX; i++)
		assert_string_equal(tables_map_names[i], names[i]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_match),
		cmocka_unit_test(test_back_means_the_same),
		cmocka_unit_test(test_back_compiles_to_the_same),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_never_between),
		cmocka_unit_test(test_many_edits),
		cmocka_unit_test(test_rebase_keeps_hand_made),
		cmocka_unit_test(test_rebase_alone),
		cmocka_unit_test(test_rebase_exclusion),
		cmocka_unit_test(test_rebase_leftovers),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_masks_inherit),
		cmocka_unit_test(test_covered_prefix_is_left_out),
		cmocka_unit_test(test_all_ports),
		cmocka_unit_test(test_rule_entries),
		cmocka_unit_test(test_diff_stops),
		cmocka_unit_test(test_sort_merges),
		cmocka_unit_test(test_map_names),
	};

	return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
