/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP flows are counted by source: an IPv4 address, or the prefix of an IPv6 address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "address.h"
#include "relay/udp/per_source.h"

static void test_source_limit(void **state)
{
	union saddr a = address("10.0.0.1", 1), b = address("10.0.0.1", 2);
	union saddr other = address("10.0.0.2", 1);
	struct source_table *s = source_table_new(2, 7);
	struct source_link links[3];

	(void)state;
	assert_null(source_full(s, &a));
	assert_int_equal(source_join(s, &a, &links[0]), 0);
	assert_null(source_full(s, &a));
	assert_int_equal(source_join(s, &b, &links[1]), 0);
	assert_ptr_equal(source_full(s, &a), &links[0]);
	assert_ptr_equal(source_next(&links[0]), &links[1]);
	assert_null(source_full(s, &other));
	assert_int_equal(source_join(s, &other, &links[2]), 0);
	source_leave(&links[0]);
	assert_null(source_full(s, &b));
	source_leave(&links[1]);
	source_leave(&links[2]);
	source_table_free(s);
}

/* A host has a whole /64 to choose its address from. */
static void test_source_of_ipv6_is_a_prefix(void **state)
{
	union saddr a = address("fd77:1:2:3::1", 1), b = address("fd77:1:2:3:ffff::9", 2);
	union saddr other = address("fd77:1:2:4::1", 1);
	struct source_table *s = source_table_new(1, 7);
	struct source_link link;

	(void)state;
	assert_int_equal(source_join(s, &a, &link), 0);
	assert_ptr_equal(source_full(s, &b), &link);
	assert_null(source_full(s, &other));
	source_leave(&link);
	source_table_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_source_limit),
		cmocka_unit_test(test_source_of_ipv6_is_a_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
