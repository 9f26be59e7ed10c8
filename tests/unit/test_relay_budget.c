/* SPDX-License-Identifier: BSD-2-Clause */
/* Who gets the descriptors: TCP and UDP cannot take all of each other, nor can one thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "relay/admit/budget.h"

#define USED 40

static struct budget b;

static void open_budget(unsigned long nofile, unsigned int workers)
{
	budget_init(&b, nofile, workers, workers);
	budget_open(&b, USED);
}

static unsigned int take_all(struct budget_share *s, bool few)
{
	unsigned int n = 0;

	while (budget_take(s, 1, few))
		n++;
	return n;
}

static void test_caps(void **state)
{
	(void)state;
	budget_init(&b, 1048576, 1, 1);
	assert_int_equal(b.caps.pipes, 64);
	assert_int_equal(b.caps.sessions, 65536);
	budget_init(&b, 1048576, 4, 1);
	assert_int_equal(b.caps.pipes, 16);
	assert_int_equal(b.caps.sessions, 65536); /* one thread has all UDP flows */
	budget_init(&b, 1024, 2, 2);
	assert_int_equal(b.caps.pipes, 16);
	assert_int_equal(b.caps.sessions, 128);
	assert_int_equal(b.caps.replies, 64);
	budget_init(&b, 16, 16, 16);
	assert_int_equal(b.caps.pipes, 1);
	assert_int_equal(b.caps.sessions, 1);
}

/* At 512 descriptors, 60 UDP flows and their replies find room beside any number of connections. */
static void test_udp_beside_tcp(void **state)
{
	struct budget_share tcp[2], udp[2];
	unsigned int left;

	(void)state;
	open_budget(512, 2);
	for (int i = 0; i < 2; i++) {
		tcp[i] = budget_share(&b, BUDGET_TCP);
		udp[i] = budget_share(&b, BUDGET_UDP);
	}
	take_all(&tcp[0], true);
	take_all(&tcp[1], true);
	assert_in_range(tcp[0].used + tcp[1].used, b.usable * 4 / 5, b.usable);
	left = take_all(&udp[0], false) + take_all(&udp[1], false);
	assert_in_range(left, 62, 100);
	assert_int_equal(left, b.usable - tcp[0].used - tcp[1].used);
}

static void test_tcp_beside_udp(void **state)
{
	struct budget_share tcp, udp;

	(void)state;
	open_budget(512, 1);
	tcp = budget_share(&b, BUDGET_TCP);
	udp = budget_share(&b, BUDGET_UDP);
	take_all(&udp, true);
	assert_int_equal(take_all(&tcp, true), b.usable / 2);
}

static void test_every_thread_has_some(void **state)
{
	struct budget_share greedy, other;

	(void)state;
	open_budget(4096, 4);
	greedy = budget_share(&b, BUDGET_TCP);
	other = budget_share(&b, BUDGET_TCP);
	take_all(&greedy, true);
	assert_int_equal(take_all(&other, true), b.usable / 2 / 2 / 4);
}

/* One thread has taken all it can get: another one can still begin a flow. */
static void test_a_thread_with_nothing(void **state)
{
	struct budget_share greedy, other;

	(void)state;
	for (int kind = 0; kind < BUDGET_KINDS; kind++) {
		open_budget(64, 2);
		greedy = budget_share(&b, (enum budget_kind)kind);
		other = greedy;
		take_all(&greedy, true);
		assert_true(budget_take(&other, 2, false));
	}
}

static void test_reserve(void **state)
{
	struct budget_share s;
	unsigned int all;

	(void)state;
	open_budget(1024, 1);
	s = budget_share(&b, BUDGET_TCP);
	all = take_all(&s, false);
	assert_int_equal(take_all(&s, true), b.usable / 32);
	budget_return(&s, s.used);
	assert_int_equal(take_all(&s, false), all);
}

/* What a thread closes to make room is not for another thread. */
static void test_kept(void **state)
{
	struct budget_share one, other;
	unsigned int used;

	(void)state;
	open_budget(512, 2);
	one = budget_share(&b, BUDGET_TCP);
	other = one;
	take_all(&one, true);
	take_all(&other, true);
	used = one.used;
	budget_keep(&one);
	budget_return(&one, 4);
	assert_false(budget_take(&other, 1, true));
	assert_true(budget_take(&one, 2, true));
	budget_release(&one);
	assert_int_equal(one.used, used - 2);
	assert_int_equal(take_all(&other, true), 2);
}

/* Not both: none. */
static void test_two_or_none(void **state)
{
	struct budget_share s;
	unsigned int all;

	(void)state;
	open_budget(512, 1);
	s = budget_share(&b, BUDGET_TCP);
	all = take_all(&s, true);
	budget_return(&s, 1);
	assert_false(budget_take(&s, 2, true));
	assert_int_equal(s.used, all - 1);
	assert_true(budget_take(&s, 1, true));
}

static void test_few_descriptors(void **state)
{
	struct budget_share s;

	(void)state;
	open_budget(32, 16);
	for (int i = 0; i < 16; i++) {
		s = budget_share(&b, i % 2 ? BUDGET_UDP : BUDGET_TCP);
		assert_true(budget_take(&s, 2, false));
	}
	assert_true(b.flows_of_client > 0);
}

#define THREADS 4
#define ROUNDS 100000

static _Atomic int worst;
static _Atomic int taken;

static void *hammer(void *arg)
{
	struct budget_share s = budget_share(&b, (uintptr_t)arg % BUDGET_KINDS);
	unsigned int n = (unsigned int)(uintptr_t)arg + 1;

	for (int i = 0; i < ROUNDS; i++) {
		n = n * 1664525 + 1013904223;
		if (n >> 16 & 1 && budget_take(&s, 2, true)) {
			int now = taken += 2;

			if (now > worst)
				worst = now;
		} else if (s.used) {
			taken -= (int)s.used;
			budget_return(&s, s.used);
		}
	}
	taken -= (int)s.used;
	budget_return(&s, s.used);
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[THREADS];
	int common, tcp, udp;

	(void)state;
	open_budget(64, 4);
	common = b.common;
	tcp = b.of_kind[BUDGET_TCP];
	udp = b.of_kind[BUDGET_UDP];
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, (void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_in_range(worst, 2, b.usable);
	assert_int_equal(b.common, common);
	assert_int_equal(b.of_kind[BUDGET_TCP], tcp);
	assert_int_equal(b.of_kind[BUDGET_UDP], udp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_udp_beside_tcp),
		cmocka_unit_test(test_tcp_beside_udp),
		cmocka_unit_test(test_every_thread_has_some),
		cmocka_unit_test(test_a_thread_with_nothing),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_two_or_none),
		cmocka_unit_test(test_few_descriptors),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
