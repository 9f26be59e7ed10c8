/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Properties of the policy compiler: random policies, compiled and evaluated as the data path
 * does, decide as a walk over the rules would, before, during and after an edit.
 */
#include "tables_model.h"

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

/* The policy that is read back compiles to the same maps, or the next edit would go wrong. */
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
 * Packets are matched while the edits are made. At each moment an address must find the masks of
 * one policy or of the other: at a moment with neither, flows would bypass the proxy that both
 * policies give them to.
 */
#define WATCHED 24

struct watch {
	struct maps maps;
	struct prefix addresses[WATCHED];
	tproxy_mask before[WATCHED][2], after[WATCHED][2];
	struct flow flows[WATCHED]; /* for their ports */
	tproxy_mask kept[WATCHED];  /* rules that have the port before and after */
	__u64 ids[WATCHED];
	tproxy_mask ids_before[WATCHED], ids_after[WATCHED];
	__u64 seed;
};

/* A port finds two entries, its own and "every port": no rule that stays may be missing. */
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

static enum tproxy_owner_kind kind_of(int i)
{
	return i % TPROXY_OWNER_KIND_MAX;
}

static void look_at_owners(const struct watch *w)
{
	for (int i = 0; i < WATCHED; i++) {
		tproxy_mask now = owner_mask(&w->maps.tables, kind_of(i), w->ids[i]);

		if (now != w->ids_before[i] && now != w->ids_after[i])
			fail_msg("seed %llu: %s %llu finds %llx, before %llx, after %llx",
				 (unsigned long long)w->seed, owner_kind_names[kind_of(i)],
				 w->ids[i], now, w->ids_before[i], w->ids_after[i]);
	}
}

static int change_and_look(const struct tables_edit *edit, void *arg)
{
	struct watch *w = arg;
	const struct prefix_table *tables[] = { &w->maps.tables.dst, &w->maps.tables.src };
	char buf[PREFIX_TEXT_LEN];

	change(edit, &w->maps);
	look_at_ports(w);
	look_at_owners(w);
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
		w.ids[i] = random_id(&state, kind_of(i));
		w.ids_before[i] = owner_mask(&before, kind_of(i), w.ids[i]);
		w.ids_after[i] = owner_mask(&after, kind_of(i), w.ids[i]);
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
 * A policy is read back from the maps, changed a little and written as the difference of the two,
 * again and again. The maps must decide like the policy.
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_match),
		cmocka_unit_test(test_back_means_the_same),
		cmocka_unit_test(test_back_compiles_to_the_same),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_never_between),
		cmocka_unit_test(test_many_edits),
	};

	return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
