/* SPDX-License-Identifier: BSD-2-Clause */
/* The account of memory that TCP connections pin: when it is short, and which one must end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relay/tcp/memory.h"

#define MIB (1024 * 1024LL)

static void test_small_ones_cost_nothing(void **state)
{
	struct memory_share share = { 0 };

	(void)state;
	memory_set_limits(16 * MIB, 1000 * MIB);
	memory_charge(&share, MEMORY_SMALL);
	assert_int_equal(share.charge, 0);
	assert_true(memory_is_ample());
	memory_charge(&share, 13 * MIB);
	assert_true(memory_is_short());
	memory_charge(&share, 10 * MIB);
	assert_false(memory_is_short());
	assert_false(memory_is_ample());
	memory_leave(&share);
	assert_true(memory_is_ample());
}

static void test_the_largest_stalled_end(void **state)
{
	struct memory_share large = { 0 }, small[4] = { { 0 } };

	(void)state;
	memory_set_limits(16 * MIB, 1000 * MIB);
	for (int i = 0; i < 4; i++)
		memory_stalled(&small[i], MEMORY_SMALL);
	assert_false(memory_must_end(&small[0]));
	memory_stalled(&large, 8 * MIB);
	assert_false(memory_must_end(&large));
	memory_stalled(&large, 9 * MIB);
	assert_true(memory_must_end(&large));
	assert_false(memory_must_end(&small[0]));
	memory_leave(&large);
	assert_false(memory_must_end(&small[0]));
	for (int i = 0; i < 4; i++)
		memory_leave(&small[i]);
}

/* Many small ones are too much for a small host. */
static void test_all_stalled_have_a_limit(void **state)
{
	struct memory_share small[9] = { { 0 } };

	(void)state;
	memory_set_limits(16 * MIB, 2 * MIB);
	for (int i = 0; i < 9; i++) {
		assert_false(memory_must_end(&small[0]));
		memory_stalled(&small[i], MEMORY_SMALL);
	}
	assert_true(memory_must_end(&small[0]));
	for (int i = 0; i < 9; i++)
		memory_leave(&small[i]);
	assert_false(memory_must_end(&small[0]));
}

static void test_early_ones_are_few(void **state)
{
	static struct memory_share shares[100];
	int early = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		early += memory_take_early(&shares[i]);
	assert_int_equal(early, 64);
	for (int i = 0; i < 100; i++)
		memory_leave(&shares[i]);
	assert_true(memory_take_early(&shares[0]));
	memory_leave_early(&shares[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_ones_cost_nothing),
		cmocka_unit_test(test_the_largest_stalled_end),
		cmocka_unit_test(test_all_stalled_have_a_limit),
		cmocka_unit_test(test_early_ones_are_few),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
