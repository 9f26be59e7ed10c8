/* SPDX-License-Identifier: BSD-2-Clause */
/* Edits of maps that were also edited by hand: the entries made by hand stay. */
#include "tables_model.h"

#define HAND_MADE 6

static tproxy_mask used_rules(const struct tables *tables)
{
	tproxy_mask used = 0;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (tables->rules[i].action != TPROXY_ACTION_NONE)
			used |= 1ULL << i;
	return used;
}

/* As `bpftool map update`: any prefix, any of the used rules. */
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
 * Where an address neither finds a hand-made entry nor is covered by one, the new policy decides.
 * Where it finds one, the entry keeps each rule that the change does not concern.
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
		return; /* not defined for such an address */
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

/* Without edits by hand the result is the new policy; without a change, the maps as they are. */
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

/* An exclusion by hand, and a new rule for a part of its range: only the new rule applies there. */
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

/* A kill leaves parts of a rule in the maps. The next rule of that number inherits none. */
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rebase_keeps_hand_made),
		cmocka_unit_test(test_rebase_alone),
		cmocka_unit_test(test_rebase_exclusion),
		cmocka_unit_test(test_rebase_leftovers),
	};

	return cmocka_run_group_tests_name("tables: rebase", tests, NULL, NULL);
}
