/* SPDX-License-Identifier: BSD-2-Clause */
/* The timer wheel: nothing fires early, late or twice, whatever callbacks do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/util.h"
#include "relay/loop/timer.h"

#define START_MS 123456789ULL
#define COUNT 2000

struct probe {
	struct timer timer;
	uint64_t due;
	uint64_t fired; /* 0: not yet */
	unsigned int times;
};

static struct timer_wheel wheel;
static uint64_t now;

static void probe_fire(struct timer *timer)
{
	struct probe *p = (struct probe *)timer;

	p->fired = now;
	p->times++;
}

static int setup(void **state)
{
	(void)state;
	now = START_MS;
	wheel_init(&wheel, now);
	return 0;
}

static void probe_set(struct probe *p, uint64_t due)
{
	p->timer.fire = probe_fire;
	p->due = due;
	timer_set(&wheel, &p->timer, due);
}

/* Sleeps exactly as long as the wheel asks for, until no timer is armed. */
static unsigned int run_all(void)
{
	unsigned int wakes = 0;
	int ms;

	while ((ms = wheel_timeout(&wheel, now)) >= 0) {
		now += (uint64_t)ms;
		wheel_run(&wheel, now);
		wakes++;
	}
	return wakes;
}

static void test_empty(void **state)
{
	(void)state;
	assert_int_equal(wheel_timeout(&wheel, now), -1);
	wheel_run(&wheel, now + 10000000);
}

static void test_one(void **state)
{
	struct probe p = { 0 };

	(void)state;
	probe_set(&p, now + 1000);
	wheel_run(&wheel, now + 900);
	assert_int_equal(p.times, 0);
	assert_true(run_all() <= 2);
	assert_int_equal(p.times, 1);
	assert_true(p.fired >= p.due && p.fired <= p.due + WHEEL_TICK_MS);
}

static void test_many(void **state)
{
	static struct probe probes[COUNT];
	unsigned int seed = 1;

	(void)state;
	for (int i = 0; i < COUNT; i++)
		probe_set(&probes[i], now + (uint64_t)rand_r(&seed) % (i % 2 ? 5000 : 4000000));
	run_all();
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(probes[i].times, 1);
		assert_true(probes[i].fired >= probes[i].due);
		assert_true(probes[i].fired <= probes[i].due + 2 * WHEEL_TICK_MS);
	}
}

static void test_move_and_cancel(void **state)
{
	struct probe a = { 0 }, b = { 0 };

	(void)state;
	probe_set(&a, now + 100);
	probe_set(&b, now + 100);
	probe_set(&a, now + 500000);
	timer_cancel(&wheel, &b.timer);
	timer_cancel(&wheel, &b.timer);
	run_all();
	assert_int_equal(a.times, 1);
	assert_true(a.fired >= a.due);
	assert_int_equal(b.times, 0);
}

static void test_past(void **state)
{
	struct probe p = { 0 };

	(void)state;
	probe_set(&p, now - 5000);
	run_all();
	assert_int_equal(p.times, 1);
	assert_true(p.fired <= now + WHEEL_TICK_MS);
}

/* The process was stopped for hours: everything due fires at once. */
static void test_late(void **state)
{
	struct probe p[3] = { 0 };

	(void)state;
	probe_set(&p[0], now + 100);
	probe_set(&p[1], now + 300000);
	probe_set(&p[2], now + 90000000);
	now += 7200000;
	wheel_run(&wheel, now);
	assert_int_equal(p[0].times, 1);
	assert_int_equal(p[1].times, 1);
	assert_int_equal(p[2].times, 0);
	run_all();
	assert_int_equal(p[2].times, 1);
}

static struct probe victim, again;

static void fire_cancel(struct timer *timer)
{
	(void)timer;
	timer_cancel(&wheel, &victim.timer);
}

static void fire_again(struct timer *timer)
{
	probe_fire(timer);
	if (again.times < 3)
		timer_set(&wheel, timer, now);
}

static void test_callbacks_change_the_wheel(void **state)
{
	struct timer first = { .fire = fire_cancel }, last = { .fire = fire_cancel };

	(void)state;
	/* Whichever of the three comes first, the victim is cancelled or has fired once. */
	timer_set(&wheel, &first, now + 100);
	probe_set(&victim, now + 100);
	timer_set(&wheel, &last, now + 100);
	again.timer.fire = fire_again;
	timer_set(&wheel, &again.timer, now + 100);
	run_all();
	assert_true(victim.times <= 1);
	assert_int_equal(again.times, 3);
	assert_int_equal(wheel.armed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_empty, setup),
		cmocka_unit_test_setup(test_one, setup),
		cmocka_unit_test_setup(test_many, setup),
		cmocka_unit_test_setup(test_move_and_cancel, setup),
		cmocka_unit_test_setup(test_past, setup),
		cmocka_unit_test_setup(test_late, setup),
		cmocka_unit_test_setup(test_callbacks_change_the_wheel, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
