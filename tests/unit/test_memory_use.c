/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory of sockets, from the files of /proc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "loader/check/tools/memory_use.h"

static const char sockstat[] = "sockets: used 294\n"
			       "TCP: inuse 39 orphan 1 tw 4 alloc 53 mem 120\n"
			       "UDP: inuse 2 mem 7\n"
			       "UDPLITE: inuse 0\n"
			       "RAW: inuse 0\n"
			       "FRAG: inuse 0 memory 9\n";

static void test_both_protocols(void **unused)
{
	struct memory_use use;

	assert_int_equal(memory_use_parse(sockstat, "TCP", "100\t110\t200\n", &use), 0);
	assert_int_equal(use.used, 120);
	assert_int_equal(use.pressure, 110);
	assert_int_equal(use.most, 200);
	assert_int_equal(memory_use_parse(sockstat, "UDP", "100 110 200", &use), 0);
	assert_int_equal(use.used, 7);
}

/* A line without the figure does not get that of the next line. */
static void test_no_figure(void **unused)
{
	struct memory_use use = { .used = 1 };

	assert_int_equal(memory_use_parse(sockstat, "UDPLITE", "1 2 3", &use), -EINVAL);
	assert_int_equal(
		memory_use_parse("UDP: inuse 2\nTCP: inuse 1 mem 5\n", "UDP", "1 2 3", &use),
		-EINVAL);
	assert_int_equal(memory_use_parse(sockstat, "FRAG", "1 2 3", &use), -EINVAL);
	assert_int_equal(memory_use_parse(sockstat, "TCP", "1 2", &use), -EINVAL);
	assert_int_equal(memory_use_parse("", "TCP", "1 2 3", &use), -EINVAL);
	assert_int_equal(use.used, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_protocols),
		cmocka_unit_test(test_no_figure),
	};

	return cmocka_run_group_tests_name("memory_use", tests, NULL, NULL);
}
