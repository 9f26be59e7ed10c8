/* SPDX-License-Identifier: BSD-2-Clause */
/* Which address leads to which server: lines in any order, found by exactly their address and port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>

#include "address.h"
#include "lib/util.h"
#include "relay/config/poolmap.h"

static struct poolmap map;

static int add_line(const char *line)
{
	struct endpoint address, server;
	const char *why;
	int err = parse_pool(line, &address, &server, &why);

	return err ? err : poolmap_add(&map, &address, &server);
}

static void expect(const char *dst, uint16_t port, const char *server)
{
	union saddr to = address(dst, port);
	const union saddr *found = poolmap_find(&map, &to);
	char text[SADDR_TEXT_LEN];

	assert_string_equal(found ? saddr_format(found, text) : "none", server);
}

static int clear(void **state)
{
	(void)state;
	poolmap_free(&map);
	return 0;
}

static void test_empty(void **state)
{
	(void)state;
	expect("10.0.0.1", 22, "none");
	expect("::", 0, "none");
}

static void test_find(void **state)
{
	static const char *const lines[] = {
		"10.0.0.9 = 10.1.0.9:22",
		"10.0.0.1 = 10.1.0.1:22",
		"10.0.0.1:8080=10.1.0.2:80",
		"\t2001:db8::5 = [2001:db8::6]:22 ",
		"[2001:db8::5]:8080 = [2001:db8::7]:80",
		"10.0.0.5:65535 = 127.0.0.1:1",
		"[::ffff:10.0.0.6]:22 = [::ffff:10.1.0.6]:22",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_int_equal(add_line(lines[i]), 0);
	expect("10.0.0.1", 22, "10.1.0.1:22");
	expect("10.0.0.9", 22, "10.1.0.9:22");
	expect("10.0.0.1", 8080, "10.1.0.2:80");
	expect("10.0.0.6", 22, "10.1.0.6:22");
	expect("10.0.0.5", 65535, "127.0.0.1:1");
	expect("2001:db8::5", 22, "[2001:db8::6]:22");
	expect("2001:db8::5", 8080, "[2001:db8::7]:80");
	expect("10.0.0.1", 80, "none");
	expect("10.0.0.1", 0, "none");
	expect("10.0.0.2", 22, "none");
	expect("10.1.0.1", 22, "none");
	expect("2001:db8::4", 22, "none");
	expect("2001:db8::5", 23, "none");
	expect("255.255.255.255", 65535, "none");
}

/* Every order of insertion gives the same map. */
static void test_order(void **state)
{
	enum { N = 211 };
	char line[64], server[32], dst[32];

	(void)state;
	for (int i = 0; i < N; i++) {
		int n = i * 97 % N;

		snprintf(line, sizeof(line), "10.0.%d.1:%d = 10.9.0.1:%d", n % 7, n + 1, n + 1);
		assert_int_equal(add_line(line), 0);
	}
	for (int n = 0; n < N; n++) {
		snprintf(dst, sizeof(dst), "10.0.%d.1", n % 7);
		snprintf(server, sizeof(server), "10.9.0.1:%d", n + 1);
		expect(dst, (uint16_t)(n + 1), server);
	}
}

static void test_errors(void **state)
{
	static const struct {
		const char *line;
		int err;
	} bad[] = {
		{ "", -EINVAL },
		{ "10.0.0.1", -EINVAL },
		{ "10.0.0.1 =", -EINVAL },
		{ "10.0.0.0/24 = 10.1.0.1:22", -EINVAL },
		{ "10.0.0.1/31 = 10.1.0.1:22", -EINVAL },
		{ "10.0.0.1 = 10.1.0.1", -EINVAL },
		{ "10.0.0.1 = 22", -EINVAL },
		{ "10.0.0.1:0 = 10.1.0.1:22", -EINVAL },
		{ "10.0.0.1 = 10.1.0.1:0", -EINVAL },
		{ "10.0.0.1 = 10.1.0.1:65536", -EINVAL },
		{ "10.0.0.1 = [2001:db8::1]:22", -EINVAL },
		{ "22 = 10.1.0.1:22", -EINVAL },
		{ "0.0.0.0 = 10.1.0.1:22", -EINVAL },
		{ ":: = [2001:db8::1]:22", -EINVAL },
		{ "10.0.0.1 = 10.1.0.1:22 more", -EINVAL },
		{ "10.0.0.9:22 = 10.1.0.1:23", -EEXIST },
	};

	(void)state;
	assert_int_equal(add_line("10.0.0.9 = 10.1.0.9:22"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (add_line(bad[i].line) != bad[i].err)
			fail_msg("accepted, or for another reason: %s", bad[i].line);
	}
	assert_int_equal(map.n, 1);
	expect("10.0.0.9", 22, "10.1.0.9:22");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_empty, clear),
		cmocka_unit_test_teardown(test_find, clear),
		cmocka_unit_test_teardown(test_order, clear),
		cmocka_unit_test_teardown(test_errors, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
