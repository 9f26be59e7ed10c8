/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of flows: slots are used again, and a walk sees each flow that lives all the time once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "relay/loop/flowtable.h"

#define FLOWS 5000

struct flow {
	struct flow_member member; /* first: a member is its flow */
	unsigned int seen;
	bool lives, old;
};

static const struct flow_ops ops;

static struct flow *next_flow(const struct flow_table *table, size_t *cursor)
{
	return (struct flow *)flowtable_next(table, cursor, SIZE_MAX - *cursor);
}

static void join(struct flow_table *table, struct flow *flow)
{
	assert_int_equal(flowtable_join(table, &flow->member, &ops), 0);
	flow->lives = true;
}

static void leave(struct flow_table *table, struct flow *flow)
{
	flowtable_leave(table, &flow->member);
	flow->lives = flow->old = false;
}

static void empty_table(void **state)
{
	struct flow_table table;
	size_t cursor = 0;

	flowtable_init(&table);
	assert_null(next_flow(&table, &cursor));
	assert_int_equal(cursor, 0);
	flowtable_free(&table);
}

static void members_without_slot_leave(void **state)
{
	struct flow_table table;
	struct flow_member member = { 0 };

	flowtable_init(&table);
	flowtable_leave(&table, &member);
	assert_int_equal(flowtable_join(&table, &member, &ops), 0);
	flowtable_leave(&table, &member);
	flowtable_leave(&table, &member);
	assert_int_equal(flowtable_join(&table, &member, &ops), 0);
	assert_int_equal(table.n, 1);
	flowtable_free(&table);
}

static void slots_are_used_again(void **state)
{
	static struct flow flows[100];
	struct flow_table table;

	flowtable_init(&table);
	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < 100; i++)
			join(&table, &flows[i]);
		for (size_t i = round; i < 100 + (size_t)round; i++)
			leave(&table, &flows[i % 100]);
	}
	assert_int_equal(table.n, 100);
	flowtable_free(&table);
}

static void most_bounds_a_step(void **state)
{
	static struct flow flows[100];
	struct flow_table table;
	size_t cursor = 0;

	flowtable_init(&table);
	for (size_t i = 0; i < 100; i++)
		join(&table, &flows[i]);
	for (size_t i = 0; i < 99; i++)
		leave(&table, &flows[i]);
	assert_null(flowtable_next(&table, &cursor, 10));
	assert_int_equal(cursor, 10);
	assert_null(flowtable_next(&table, &cursor, 0));
	assert_int_equal(cursor, 10);
	assert_ptr_equal(flowtable_next(&table, &cursor, 1000), &flows[99]);
	assert_int_equal(cursor, 100);
	flowtable_free(&table);
}

/* Between two steps of the walk flows come and go, also those that it has just seen. */
static void walk_among_changes(unsigned int seed)
{
	struct flow *flows = calloc(FLOWS, sizeof(*flows));
	struct flow_table table;
	struct flow *seen;
	size_t cursor = 0;

	assert_non_null(flows);
	flowtable_init(&table);
	for (size_t i = 0; i < FLOWS / 2; i++) {
		join(&table, &flows[i]);
		flows[i].old = true;
	}
	while ((seen = next_flow(&table, &cursor))) {
		assert_true(seen->lives);
		seen->seen++;
		for (int i = 0; i < 3; i++) {
			struct flow *flow = &flows[(unsigned int)rand_r(&seed) % FLOWS];

			if (flow->lives)
				leave(&table, flow);
			else if (!flow->seen)
				join(&table, flow);
		}
	}
	for (size_t i = 0; i < FLOWS; i++) {
		assert_true(flows[i].seen <= 1);
		if (flows[i].old)
			assert_int_equal(flows[i].seen, 1);
	}
	flowtable_free(&table);
	free(flows);
}

static void each_flow_once(void **state)
{
	for (unsigned int seed = 1; seed <= 50; seed++)
		walk_among_changes(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_table),
		cmocka_unit_test(members_without_slot_leave),
		cmocka_unit_test(slots_are_used_again),
		cmocka_unit_test(most_bounds_a_step),
		cmocka_unit_test(each_flow_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
