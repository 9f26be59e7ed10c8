/* SPDX-License-Identifier: BSD-2-Clause */
/* Which records of failed flows are written, and what is counted of the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>

#include "relay/log/throttle.h"

static struct throttle *t;
static struct flow_count counts[THROTTLE_COUNTS_MAX];

static int setup(void **state)
{
	(void)state;
	t = throttle_new();
	return t ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	throttle_free(t);
	return 0;
}

static union saddr client(uint32_t n)
{
	uint32_t addr = htonl(0x0a000000 + n);

	return saddr_from(AF_INET, &addr, 0);
}

static unsigned int take(uint32_t from, enum flow_end end, uint64_t now, unsigned int times)
{
	union saddr c = client(from);
	unsigned int written = 0;

	for (unsigned int i = 0; i < times; i++)
		written += throttle_take(t, &c, end, now);
	return written;
}

/* A burst, then so many a second; the rest is counted once. */
static void test_one_client(void **state)
{
	union saddr c = client(1);

	(void)state;
	assert_int_equal(take(1, END_CONNECT_FAILED, 5000, 1000), THROTTLE_CLIENT_BURST);
	assert_int_equal(take(1, END_CONNECT_FAILED, 6000, 1000), THROTTLE_CLIENT_RATE);
	assert_int_equal(take(1, END_CONNECT_FAILED, 60000, 1000), THROTTLE_CLIENT_BURST);
	assert_int_equal(throttle_collect(t, counts), 1);
	assert_true(saddr_equal(&counts[0].client, &c));
	assert_int_equal(counts[0].end, END_CONNECT_FAILED);
	assert_int_equal(counts[0].flows, 3000 - 2 * THROTTLE_CLIENT_BURST - THROTTLE_CLIENT_RATE);
	assert_int_equal(throttle_collect(t, counts), 0);
}

/* Ends and clients have rates of their own, and one client does not use up that of all. */
static void test_apart(void **state)
{
	(void)state;
	take(1, END_CONNECT_FAILED, 5000, 100000);
	assert_int_equal(take(1, END_REFUSED, 5000, 5), 5);
	assert_int_equal(take(2, END_CONNECT_FAILED, 5000, 5), 5);
	assert_int_equal(throttle_collect(t, counts), 1);
}

/* Any number of clients: the end has a rate, the report names those with the most. */
static void test_many_clients(void **state)
{
	unsigned int written = 0;
	uint64_t flows = 0;
	size_t n;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++)
		written += take(i, END_REFUSED, 5000, 1);
	written += take(7, END_REFUSED, 5000, 50);
	assert_int_equal(written, THROTTLE_END_BURST);
	n = throttle_collect(t, counts);
	assert_int_equal(n, THROTTLE_NAMED + 1);
	for (size_t i = 0; i < n; i++) {
		flows += counts[i].flows;
		if (i && i < THROTTLE_NAMED)
			assert_true(counts[i].flows <= counts[i - 1].flows);
	}
	assert_int_equal(flows, 100050 - written);
	assert_int_equal(counts[THROTTLE_NAMED].client.sa.sa_family, 0);
	assert_int_equal(counts[THROTTLE_NAMED].end, END_REFUSED);
	assert_int_equal(throttle_collect(t, counts), 0);
}

/* The report of the largest is right in any order of arrival, for all ends at once. */
static void test_largest(void **state)
{
	size_t n;

	(void)state;
	for (uint32_t i = 1; i <= 100; i++) {
		uint32_t who = i * 37 % 101;

		take(who, (enum flow_end)(who % END_MAX), 5000, who * 100);
	}
	n = throttle_collect(t, counts);
	assert_true(n > THROTTLE_NAMED && n <= THROTTLE_COUNTS_MAX);
	for (uint32_t i = 0; i < THROTTLE_NAMED; i++) {
		union saddr c = client(100 - i);

		assert_true(saddr_equal(&counts[i].client, &c));
		assert_int_equal(counts[i].end, (100 - i) % END_MAX);
	}
}

/* After the report and a quiet time the places serve other clients. */
static void test_places_return(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100000; i++)
		take(i, END_LIMIT, 5000, 1);
	throttle_collect(t, counts);
	assert_int_equal(take(200000, END_LIMIT, 20000, 1000), THROTTLE_CLIENT_BURST);
	assert_int_equal(throttle_collect(t, counts), 1);
	assert_int_equal(counts[0].flows, 1000 - THROTTLE_CLIENT_BURST);
}

static void test_prefixes(void **state)
{
	struct in6_addr a6, b6, other6;
	union saddr a, b, other, same;

	(void)state;
	inet_pton(AF_INET6, "2001:db8:0:1::1", &a6);
	inet_pton(AF_INET6, "2001:db8:0:1:ffff::2", &b6);
	inet_pton(AF_INET6, "2001:db8:0:2::1", &other6);
	a = saddr_from(AF_INET6, &a6, 1);
	b = saddr_from(AF_INET6, &b6, 2);
	other = saddr_from(AF_INET6, &other6, 1);
	a = saddr_client(&a, 64);
	same = saddr_client(&b, 64);
	assert_true(saddr_equal(&a, &same));
	same = saddr_client(&other, 64);
	assert_false(saddr_equal(&a, &same));
	same = saddr_client(&other, 62);
	a = saddr_client(&a, 62);
	assert_true(saddr_equal(&a, &same));
	same = saddr_client(&b, 128);
	assert_false(saddr_equal(&a, &same));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = { TEST(test_one_client),    TEST(test_apart),
					    TEST(test_many_clients),  TEST(test_largest),
					    TEST(test_places_return), TEST(test_prefixes) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
