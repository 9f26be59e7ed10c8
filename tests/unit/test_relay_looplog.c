/* SPDX-License-Identifier: BSD-2-Clause */
/* Which new flows the relay recognises as its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "address.h"
#include "relay/log/looplog.h"

#define NOW 1000000u

static struct looplog *l;
static union saddr client, source, dst;

static int open_log(void **state)
{
	(void)state;
	client = address("10.77.1.2", 41234);
	source = address("10.77.2.1", 50012);
	dst = address("10.77.9.9", 80);
	l = looplog_new();
	return l ? 0 : -1;
}

static int close_log(void **state)
{
	(void)state;
	looplog_free(l);
	return 0;
}

static void note(uint8_t ttl)
{
	const struct looplog_flow sent = { &source, &dst, ttl };

	looplog_note(l, &sent, &client, NOW);
}

static bool seen(const union saddr *src, const union saddr *to, uint8_t ttl, uint64_t now)
{
	const struct looplog_flow arrived = { src, to, ttl };

	return looplog_seen(l, &arrived, now);
}

static void test_comes_back(void **state)
{
	union saddr port = address("10.77.2.1", 50013), other = address("10.77.9.8", 80);

	(void)state;
	assert_false(seen(&source, &dst, 62, NOW));
	note(63);
	assert_true(seen(&source, &dst, 62, NOW));
	assert_true(seen(&source, &dst, 62, NOW + 1000));
	assert_false(seen(&port, &dst, 62, NOW));
	assert_false(seen(&source, &other, 62, NOW));
	assert_false(seen(&client, &dst, 62, NOW));
	assert_false(seen(&dst, &source, 62, NOW));
}

static void test_comes_back6(void **state)
{
	(void)state;
	source = address("fd77:2::1", 50012);
	dst = address("fd77:9::9", 80);
	note(63);
	assert_true(seen(&source, &dst, 62, NOW));
	client = address("fd77:2::2", 50012);
	assert_false(seen(&client, &dst, 62, NOW));
}

/* The client itself, with a port that we had for it, is a hop nearer than our own packets. */
static void test_same_port(void **state)
{
	(void)state;
	note(63);
	assert_false(seen(&source, &dst, 64, NOW));
	assert_true(seen(&source, &dst, 63, NOW)); /* a bridge leads back */
	assert_true(seen(&source, &dst, 0, NOW));
	note(0);
	assert_true(seen(&source, &dst, 255, NOW));
}

static void test_age(void **state)
{
	(void)state;
	note(63);
	assert_true(seen(&source, &dst, 62, NOW + LOOPLOG_AGE_MS - 1000));
	assert_false(seen(&source, &dst, 62, NOW + LOOPLOG_AGE_MS));
	assert_false(seen(&source, &dst, 62, NOW + 2 * LOOPLOG_AGE_MS));
}

static void test_client_ip_port(void **state)
{
	(void)state;
	client = source;
	note(63);
	assert_false(seen(&source, &dst, 62, NOW));
}

/* The relay knows the latest flows, however many came before. */
static void test_many(void **state)
{
	unsigned int known = 0;

	(void)state;
	for (unsigned int i = 0; i < 100000; i++) {
		source = address("10.77.2.1", (uint16_t)i);
		dst = address("10.77.9.9", (uint16_t)(80 + i / 65536));
		note(63);
	}
	assert_true(seen(&source, &dst, 62, NOW));
	for (unsigned int i = 0; i < 65536; i++) {
		source = address("10.88.2.1", (uint16_t)i);
		known += seen(&source, &dst, 62, NOW);
	}
	assert_int_equal(known, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_comes_back, open_log, close_log),
		cmocka_unit_test_setup_teardown(test_comes_back6, open_log, close_log),
		cmocka_unit_test_setup_teardown(test_same_port, open_log, close_log),
		cmocka_unit_test_setup_teardown(test_age, open_log, close_log),
		cmocka_unit_test_setup_teardown(test_client_ip_port, open_log, close_log),
		cmocka_unit_test_setup_teardown(test_many, open_log, close_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
