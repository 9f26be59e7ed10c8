/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools of a configuration as entries of the map, their differences, and the way back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdlib.h>

#include "kernel/maps/pools.h"
#include "policy/config/read.h"

static void report(const char *file, unsigned int line, const char *text, void *arg)
{
	(void)arg;
	fail_msg("%s:%u: %s", file, line, text);
}

static void compile(const char *text, struct config *config, struct pool_table *table)
{
	static const struct config_reader reader = { .name = "t", .report.error = report };
	FILE *in = fmemopen((void *)text, strlen(text), "r");

	assert_non_null(in);
	assert_int_equal(config_read(&reader, in, config), 0);
	fclose(in);
	assert_int_equal(pools_compile(config, table), 0);
}

static void test_entries(void **unused)
{
	static const __u8 v4[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1 };
	static const __u8 v6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 5 };
	struct config config __cleanup_config = { 0 };
	struct pool_table table __cleanup_pools = { 0 };
	char text[POOL_TEXT_LEN];

	(void)unused;
	compile("[pool p]\n2001:db8::5 = [2001:db8::6]:22\n10.0.0.1:2222 = 10.0.0.2:22\n", &config,
		&table);
	assert_int_equal(table.n, 2);
	assert_memory_equal(table.items[0].key.addr, v4, 16);
	assert_int_equal(table.items[0].key.port, htons(2222));
	assert_int_equal(table.items[0].value.port, htons(22));
	assert_string_equal(table.items[0].value.name, "p");
	assert_string_equal(pool_format(&table.items[0], text), "10.0.0.1:2222 = 10.0.0.2:22");
	assert_memory_equal(table.items[1].key.addr, v6, 16);
	assert_int_equal(table.items[1].key.port, htons(22));
	assert_string_equal(pool_format(&table.items[1], text),
			    "[2001:db8::5]:22 = [2001:db8::6]:22");
}

static void test_no_pools(void **unused)
{
	struct config config __cleanup_config = { 0 };
	struct pool_table table __cleanup_pools = { 0 };

	(void)unused;
	compile("[pool empty]\n[rule a]\n", &config, &table);
	assert_int_equal(table.n, 0);
}

static void note(const struct pool_entry *entry, bool gone, void *arg)
{
	char text[POOL_TEXT_LEN];

	fprintf(arg, "%c %s %s\n", gone ? '-' : '+', (const char *)entry->value.name,
		pool_format(entry, text));
}

static void expect_diff(const char *before, const char *after, const char *expected)
{
	struct config from __cleanup_config = { 0 };
	struct config to __cleanup_config = { 0 };
	struct pool_table a __cleanup_pools = { 0 };
	struct pool_table b __cleanup_pools = { 0 };
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	compile(before, &from, &a);
	compile(after, &to, &b);
	pools_diff(&a, &b, note, out);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void test_diff(void **unused)
{
	static const char one[] = "[pool p]\n10.0.0.1 = 10.1.0.1:1\n10.0.0.2 = 10.1.0.1:2\n";

	(void)unused;
	expect_diff(one, "[pool p]\n10.0.0.2 = 10.1.0.1:2\n10.0.0.1:1 = 10.1.0.1:1\n", "");
	expect_diff(one, "[loader]\n",
		    "- p 10.0.0.1:1 = 10.1.0.1:1\n- p 10.0.0.2:2 = 10.1.0.1:2\n");
	expect_diff("[loader]\n", "[pool p]\n10.0.0.3 = 10.1.0.1:3\n",
		    "+ p 10.0.0.3:3 = 10.1.0.1:3\n");
	expect_diff(one, "[pool p]\n10.0.0.1 = 10.1.0.9:1\n10.0.0.2 = 10.1.0.1:2\n",
		    "- p 10.0.0.1:1 = 10.1.0.1:1\n+ p 10.0.0.1:1 = 10.1.0.9:1\n");
	expect_diff(one, "[pool p]\n10.0.0.1 = 10.1.0.1:1\n[pool q]\n10.0.0.2 = 10.1.0.1:2\n",
		    "- p 10.0.0.2:2 = 10.1.0.1:2\n+ q 10.0.0.2:2 = 10.1.0.1:2\n");
}

static void test_back(void **unused)
{
	static const char text[] =
		"[pool b]\n10.0.0.1 = 10.1.0.1:1\n2001:db8::1 = [2001:db8::2]:2\n"
		"[pool a]\n10.0.0.2:9 = 10.1.0.1:2\n";
	struct config config __cleanup_config = { 0 };
	struct config again __cleanup_config = { 0 };
	struct pool_table table __cleanup_pools = { 0 };
	struct pool_table same __cleanup_pools = { 0 };

	(void)unused;
	compile(text, &config, &table);
	compile("[pool old]\n10.9.9.9 = 10.9.9.8:1\n", &again, &same);
	pools_free(&same);
	assert_int_equal(pools_to_config(&table, &again), 0);
	assert_int_equal(again.n_pools, 2);
	assert_int_equal(pools_compile(&again, &same), 0);
	assert_int_equal(same.n, table.n);
	assert_memory_equal(same.items, table.items, table.n * sizeof(*table.items));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_no_pools),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
