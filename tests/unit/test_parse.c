/* SPDX-License-Identifier: BSD-2-Clause */
/* Text to values and back: numbers, ports, prefixes, endpoints, lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "lib/parse.h"
#include "lib/util.h"

/* ---- numbers ------------------------------------------------------------ */

static const struct {
	const char *text;
	__u32 min, max;
	int err;
	__u32 value;
} numbers[] = {
	{ "0", 0, UINT32_MAX, 0, 0 },
	{ "1", 0, 10, 0, 1 },
	{ "10", 0, 10, 0, 10 },
	{ "007", 0, 10, 0, 7 },
	{ "4294967295", 0, UINT32_MAX, 0, UINT32_MAX },
	{ "4294967296", 0, UINT32_MAX, -ERANGE, 0 },
	{ "99999999999999999999999999999999999999", 0, UINT32_MAX, -ERANGE, 0 },
	{ "18446744073709551617", 0, UINT32_MAX, -ERANGE, 0 },
	{ "11", 0, 10, -ERANGE, 0 },
	{ "4", 5, 10, -ERANGE, 0 },
	{ "", 0, 10, -EINVAL, 0 },
	{ "-1", 0, 10, -EINVAL, 0 },
	{ "+1", 0, 10, -EINVAL, 0 },
	{ " 1", 0, 10, -EINVAL, 0 },
	{ "1 ", 0, 10, -EINVAL, 0 },
	{ "1\n", 0, 10, -EINVAL, 0 },
	{ "0x1", 0, 10, -EINVAL, 0 },
	{ "1e1", 0, 10, -EINVAL, 0 },
	{ "a", 0, 10, -EINVAL, 0 },
};

static void test_number(void **unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const char *why = NULL;
		__u32 value = 4711;
		int err = parse_u32(numbers[i].text, numbers[i].min, numbers[i].max, &value, &why);

		if (err != numbers[i].err)
			fail_msg("\"%s\": %d, expected %d", numbers[i].text, err, numbers[i].err);
		assert_int_equal(value, err ? 4711 : numbers[i].value);
		assert_true(err ? why && *why : !why);
		assert_int_equal(
			parse_u32(numbers[i].text, numbers[i].min, numbers[i].max, &value, NULL),
			err);
	}
}

static void test_mark_and_table(void **unused)
{
	static const char *const bad_marks[] = { "",     "0",  "3", "-1", " 1", "0x100000000",
						 "0x1g", "1 ", "x" };
	static const char *const bad_tables[] = { "",           "0",    "253", "255",
						  "4294967295", "0x10", "main" };
	const char *why;
	__u32 value;

	assert_int_equal(parse_mark("0x1000000", &value, &why), 0);
	assert_int_equal(value, 0x1000000);
	assert_int_equal(parse_mark("2147483648", &value, NULL), 0);
	assert_int_equal(value, 0x80000000);
	for (size_t i = 0; i < ARRAY_SIZE(bad_marks); i++)
		assert_int_equal(parse_mark(bad_marks[i], &value, &why), -EINVAL);
	assert_string_equal(why, "not one bit of 32 (for example 0x1000000)");
	assert_int_equal(value, 0x80000000);
	assert_int_equal(parse_table("15001", &value, &why), 0);
	assert_int_equal(value, 15001);
	assert_int_equal(parse_table("4294967294", &value, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad_tables); i++)
		assert_int_equal(parse_table(bad_tables[i], &value, &why), -EINVAL);
	assert_string_equal(why, "not a table number of our own (for example 15001)");
	assert_int_equal(value, 4294967294);
}

/* ---- port ranges -------------------------------------------------------- */

static const struct {
	const char *text;
	__u16 first, last; /* 0: refused */
} ranges[] = {
	{ "1", 1, 1 },
	{ "22", 22, 22 },
	{ "65535", 65535, 65535 },
	{ "1-65535", 1, 65535 },
	{ "1000-2000", 1000, 2000 },
	{ "80-80", 80, 80 },
	{ "0", 0, 0 },
	{ "65536", 0, 0 },
	{ "0-10", 0, 0 },
	{ "1-65536", 0, 0 },
	{ "2000-1000", 0, 0 },
	{ "", 0, 0 },
	{ "-", 0, 0 },
	{ "-5", 0, 0 },
	{ "5-", 0, 0 },
	{ "1-2-3", 0, 0 },
	{ "1--2", 0, 0 },
	{ " 1", 0, 0 },
	{ "1 -2", 0, 0 },
	{ "1- 2", 0, 0 },
	{ "http", 0, 0 },
	{ "0000000000001-2", 0, 0 },
	{ "1,2", 0, 0 },
};

static void test_port_range(void **unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		struct port_range range = { 7, 8 };
		const char *why = NULL;
		int err = parse_port_range(ranges[i].text, &range, &why);

		if (!err != !!ranges[i].first)
			fail_msg("\"%s\": %d", ranges[i].text, err);
		assert_int_equal(range.first, err ? 7 : ranges[i].first);
		assert_int_equal(range.last, err ? 8 : ranges[i].last);
		assert_true(err ? err < 0 && why && *why : !why);
	}
}

/* ---- endpoints ---------------------------------------------------------- */

static const struct {
	const char *text;
	const char *addr; /* NULL: no address */
	__u16 port;       /* 0: refused */
} endpoints[] = {
	{ "80", NULL, 80 },
	{ "65535", NULL, 65535 },
	{ "127.0.0.1:15002", "127.0.0.1", 15002 },
	{ "10.0.0.1:1", "10.0.0.1", 1 },
	{ "[::1]:15006", "::1", 15006 },
	{ "[2001:db8::1]:443", "2001:db8::1", 443 },
	{ "", NULL, 0 },
	{ "0", NULL, 0 },
	{ "65536", NULL, 0 },
	{ "10.0.0.1", NULL, 0 },
	{ "10.0.0.1:", NULL, 0 },
	{ "10.0.0.1:0", NULL, 0 },
	{ "10.0.0.1:65536", NULL, 0 },
	{ "10.0.0.1:80:80", NULL, 0 },
	{ "10.0.0.1:80-81", NULL, 0 },
	{ "10.0.0.0/8:80", NULL, 0 },
	{ ":80", NULL, 0 },
	{ "::1:80", NULL, 0 },
	{ "::1", NULL, 0 },
	{ "[::1]", NULL, 0 },
	{ "[::1]80", NULL, 0 },
	{ "[::1]:", NULL, 0 },
	{ "[::1", NULL, 0 },
	{ "[", NULL, 0 },
	{ "[]:80", NULL, 0 },
	{ "[::1]:x", NULL, 0 },
	{ "[::g]:80", NULL, 0 },
	{ "localhost:80", NULL, 0 },
	{ "relay", NULL, 0 },
	{ "[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]:80", NULL, 0 },
};

static void test_endpoint(void **unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
		struct endpoint ep = { .family = 99 };
		char addr[INET6_ADDRSTRLEN] = "";
		const char *why = NULL;
		int err = parse_endpoint(endpoints[i].text, &ep, &why);

		if (err != (endpoints[i].port ? 0 : -EINVAL))
			fail_msg("\"%s\": %d", endpoints[i].text, err);
		assert_true(err ? why && *why : !why);
		if (err) {
			assert_int_equal(ep.family, 99);
			continue;
		}
		assert_int_equal(ep.port, endpoints[i].port);
		if (!endpoints[i].addr) {
			assert_int_equal(ep.family, 0);
			continue;
		}
		assert_non_null(inet_ntop(ep.family, ep.addr, addr, sizeof(addr)));
		assert_string_equal(addr, endpoints[i].addr);
	}
}

/* ---- names and lists ---------------------------------------------------- */

static void test_name(void **unused)
{
	static const char *const names[] = { NULL, "drop", "pass", NULL, "reset" };

	assert_int_equal(parse_name("drop", names, ARRAY_SIZE(names)), 1);
	assert_int_equal(parse_name("reset", names, ARRAY_SIZE(names)), 4);
	assert_int_equal(parse_name("reset", names, 4), -EINVAL);
	assert_int_equal(parse_name("", names, ARRAY_SIZE(names)), -EINVAL);
	assert_int_equal(parse_name("dro", names, ARRAY_SIZE(names)), -EINVAL);
	assert_int_equal(parse_name("drop ", names, ARRAY_SIZE(names)), -EINVAL);
	assert_int_equal(parse_name("Drop", names, ARRAY_SIZE(names)), -EINVAL);
	assert_int_equal(parse_name("drop", names, 0), -EINVAL);
}

struct seen {
	char text[64];
	int left; /* items to take before stopping */
};

static int see(const char *item, void *arg)
{
	struct seen *seen = arg;
	size_t len = strlen(seen->text);

	snprintf(seen->text + len, sizeof(seen->text) - len, "<%s>", item);
	return --seen->left ? 0 : -E2BIG;
}

static const struct {
	const char *text, *seen;
} lists[] = {
	{ "", "<>" },      { "a", "<a>" },    { "a,b", "<a><b>" },     { "a,,b", "<a><><b>" },
	{ ",a", "<><a>" }, { "a,", "<a><>" }, { "a b,c", "<a b><c>" },
};

static void test_list(void **unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		struct seen seen = { .left = 100 };

		assert_int_equal(parse_list(lists[i].text, see, &seen), 0);
		assert_string_equal(seen.text, lists[i].seen);
	}
}

static void test_list_stops(void **unused)
{
	struct seen seen = { .left = 2 };

	assert_int_equal(parse_list("a,b,c", see, &seen), -E2BIG);
	assert_string_equal(seen.text, "<a><b>");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_number),     cmocka_unit_test(test_mark_and_table),
		cmocka_unit_test(test_port_range), cmocka_unit_test(test_endpoint),
		cmocka_unit_test(test_name),       cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_stops),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
