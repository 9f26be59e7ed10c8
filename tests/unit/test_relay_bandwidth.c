/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes a second: never more over time, all of them if somebody wants them, and half for each use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>

#include "relay/admit/bandwidth.h"

#define START 1000000000000ULL /* ns; any */
#define MS 1000000ULL

static size_t take(struct bandwidth *b, uint64_t rate, enum bandwidth_use use, size_t want,
		   uint64_t now)
{
	size_t room = bandwidth_room(b, rate, use, now);
	size_t n = want < room ? want : room;

	if (n)
		bandwidth_spend(b, rate, use, n, now);
	return n;
}

static void test_rate(void **state)
{
	static const uint64_t rates[] = { 1000, 1000000, 1000000000, 4294967295000000000ULL };

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct bandwidth b = { 0 };
		double sum = 0;

		for (int ms = 0; ms < 10000; ms++)
			sum += (double)take(&b, rates[i], BANDWIDTH_TCP, SIZE_MAX / 2,
					    START + (uint64_t)ms * MS);
		assert_true(sum <= (double)rates[i] * 10.4 + 2 * 65536);
		assert_true(sum >= (double)rates[i] * 9.9);
	}
}

/* The largest datagram passes even where it takes a minute. */
static void test_slow(void **state)
{
	struct bandwidth b = { 0 };

	(void)state;
	assert_true(bandwidth_room(&b, 1000, BANDWIDTH_UDP, START) >= 65507);
	bandwidth_spend(&b, 1000, BANDWIDTH_UDP, 65507, START);
	assert_true(bandwidth_room(&b, 1000, BANDWIDTH_UDP, START) < 100);
	assert_true(bandwidth_room(&b, 1000, BANDWIDTH_UDP, START + 66000 * MS) >= 65507);
	assert_true(bandwidth_room(&b, 1, BANDWIDTH_UDP, START) <= 65536);
}

static void test_uses_share(void **state)
{
	struct bandwidth b = { 0 };
	double sums[BANDWIDTH_USES] = { 0 };

	(void)state;
	/* the first one asks more often, and for all that there is */
	for (int ms = 0; ms < 10000; ms++) {
		uint64_t now = START + (uint64_t)ms * MS;

		sums[BANDWIDTH_UDP] += (double)take(&b, 1000000, BANDWIDTH_UDP, 1000000, now);
		if (ms % 50 == 0)
			sums[BANDWIDTH_TCP] +=
				(double)take(&b, 1000000, BANDWIDTH_TCP, 1000000, now);
	}
	assert_true(sums[BANDWIDTH_TCP] + sums[BANDWIDTH_UDP] <= 10.6 * 1000000);
	assert_true(sums[BANDWIDTH_TCP] >= 4.5 * 1000000);
	assert_true(sums[BANDWIDTH_UDP] >= 4.5 * 1000000);
}

/* Who had all for a while still has his half when the other one comes. */
static void test_no_debt(void **state)
{
	struct bandwidth b = { 0 };
	double tcp = 0, udp = 0;

	(void)state;
	for (int ms = 0; ms < 20000; ms++) {
		uint64_t now = START + (uint64_t)ms * MS;
		size_t n = take(&b, 1000000, BANDWIDTH_TCP, 1000000, now);

		if (ms < 10000)
			continue;
		tcp += (double)n;
		udp += (double)take(&b, 1000000, BANDWIDTH_UDP, 1000000, now);
	}
	assert_true(tcp >= 4.5 * 1000000);
	assert_true(udp >= 4.5 * 1000000);
	assert_true(tcp + udp <= 10.6 * 1000000);
}

#define THREADS 4

static struct bandwidth shared;
static _Atomic uint64_t clock_ms;
static _Atomic uint64_t moved;

static void *hammer(void *arg)
{
	uint64_t ms;

	while ((ms = clock_ms) < 2000)
		moved += take(&shared, 1000000, (uintptr_t)arg % 2, 3000, START + ms * MS);
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, (void *)i), 0);
	for (; clock_ms < 2000; clock_ms++)
		usleep(100);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_in_range(moved, 1900000, 2400000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),       cmocka_unit_test(test_slow),
		cmocka_unit_test(test_uses_share), cmocka_unit_test(test_no_debt),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
