/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits of flows: in all, for each client, by rate, and from several threads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>

#include "address.h"
#include "lib/util.h"
#include "relay/admit/lanes.h"

#define NOW 1000000 /* ms; any */
#define KEPT_MAX 20000

static struct clients *clients;
static struct lanes *l; /* of the main thread */
static struct limit_values values;
static struct lane *kept[KEPT_MAX];
static unsigned int n_kept;

static const char *take_at(const char *client, uint64_t now, struct lane **lane)
{
	union saddr a = address(client, 1234);

	return lanes_admit(l, &values, &a, now, lane);
}

/* The flow stays until the end of the test. */
static const char *keep_at(const char *client, uint64_t now)
{
	const char *reached = take_at(client, now, &kept[n_kept]);

	n_kept += !reached;
	assert_in_range(n_kept, 0, KEPT_MAX - 1);
	return reached;
}

static const char *take(const char *client)
{
	return keep_at(client, NOW);
}

static int setup(void **state)
{
	(void)state;
	clients = clients_new(1000);
	l = lanes_new(clients);
	values = (struct limit_values)LIMITS_DEFAULT;
	return !l;
}

static int teardown(void **state)
{
	(void)state;
	while (n_kept)
		lane_release(kept[--n_kept]);
	lanes_free(l);
	clients_free(clients);
	return 0;
}

static void test_no_limit(void **state)
{
	(void)state;
	for (int i = 0; i < 10000; i++)
		assert_null(take("10.0.0.1"));
	assert_int_equal(clients_flows(clients), 10000);
}

static void test_max_flows(void **state)
{
	struct lane *first;

	(void)state;
	values.max_flows = 3;
	assert_null(take_at("10.0.0.1", NOW, &first));
	assert_null(take("10.0.0.2"));
	assert_null(take("10.0.0.3"));
	assert_string_equal(take("10.0.0.4"), "max-flows");
	assert_int_equal(clients_flows(clients), 3);
	lane_release(first);
	assert_int_equal(clients_flows(clients), 2);
	assert_null(take("10.0.0.4"));
	assert_string_equal(take("10.0.0.5"), "max-flows");
}

static void test_per_source(void **state)
{
	struct lane *first;

	(void)state;
	values.max_flows_per_source = 2;
	assert_null(take_at("10.0.0.1", NOW, &first));
	assert_null(take("10.0.0.1"));
	assert_string_equal(take("10.0.0.1"), "max-flows-per-source");
	assert_null(take("10.0.0.2"));
	/* a /64 is one client */
	assert_null(take("2001:db8::1"));
	assert_null(take("2001:db8::ffff:2"));
	assert_string_equal(take("2001:db8::3:4:5:6"), "max-flows-per-source");
	assert_null(take("2001:db8:0:1::1"));
	lane_release(first);
	assert_null(take("10.0.0.1"));
	assert_string_equal(take("10.0.0.1"), "max-flows-per-source");
}

static void test_source_prefix(void **state)
{
	(void)state;
	values.max_flows_per_source = 1;
	values.source_prefix6 = 128;
	assert_null(take("2001:db8::1"));
	assert_null(take("2001:db8::2"));
	assert_string_equal(take("2001:db8::2"), "max-flows-per-source");
	values.source_prefix6 = 44; /* not a whole byte */
	assert_null(take("2001:db8:10::1"));
	assert_string_equal(take("2001:db8:1f::1"), "max-flows-per-source");
	assert_null(take("2001:db8:20::1"));
}

static void test_rate(void **state)
{
	(void)state;
	values.flow_rate = 10;
	for (int i = 0; i < 10; i++)
		assert_null(take("10.0.0.1"));
	assert_string_equal(take("10.0.0.2"), "flow-rate");
	assert_string_equal(keep_at("10.0.0.2", NOW + 99), "flow-rate");
	assert_null(keep_at("10.0.0.2", NOW + 100));
	assert_string_equal(keep_at("10.0.0.2", NOW + 199), "flow-rate");
	/* unused rate adds up to one second at most */
	for (int i = 0; i < 10; i++)
		assert_null(keep_at("10.0.0.1", NOW + 60000));
	assert_string_equal(keep_at("10.0.0.1", NOW + 60000), "flow-rate");
	assert_int_equal(clients_flows(clients), 21);
}

static void test_rate_per_source(void **state)
{
	struct lane *lane;

	(void)state;
	values.flow_rate_per_source = 2;
	for (int i = 0; i < 2; i++) {
		assert_null(take_at("10.0.0.1", NOW, &lane));
		lane_release(lane); /* ending flows do not give rate back */
	}
	assert_string_equal(take("10.0.0.1"), "flow-rate-per-source");
	assert_null(take("10.0.0.2"));
	assert_null(keep_at("10.0.0.1", NOW + 500));
	assert_string_equal(keep_at("10.0.0.1", NOW + 500), "flow-rate-per-source");
}

/* A client that is refused by its own limit takes nothing from the others. */
static void test_refusal_costs_nothing(void **state)
{
	(void)state;
	values.flow_rate = 3;
	values.max_flows = 3;
	values.max_flows_per_source = 1;
	assert_null(take("10.0.0.1"));
	for (int i = 0; i < 100; i++)
		assert_string_equal(take("10.0.0.1"), "max-flows-per-source");
	assert_null(take("10.0.0.2"));
	assert_null(take("10.0.0.3"));
	assert_string_equal(take("10.0.0.4"), "max-flows");
	/* nor does a refusal for all count for the client */
	values.max_flows = 0;
	assert_string_equal(take("10.0.0.4"), "flow-rate");
	values.flow_rate = 0;
	assert_null(take("10.0.0.4"));
}

/* A limit that SIGHUP adds counts older flows, too. */
static void test_limit_comes_later(void **state)
{
	struct lane *old;

	(void)state;
	assert_null(take_at("10.0.0.1", NOW, &old));
	values.max_flows_per_source = 1;
	assert_string_equal(take("10.0.0.1"), "max-flows-per-source");
	lane_release(old);
	assert_null(take("10.0.0.1"));
	assert_string_equal(take("10.0.0.1"), "max-flows-per-source");
	assert_int_equal(clients_flows(clients), 1);
}

#define THREADS 4
#define ROUNDS 20000
#define PLACES 5

static _Atomic int inside[2];
static _Atomic int worst;

static void *hammer(void *arg)
{
	unsigned int n = (unsigned int)(uintptr_t)arg;
	struct lanes *own = lanes_new(clients);

	for (int i = 0; i < ROUNDS; i++) {
		struct lane *lanes[PLACES];
		union saddr client;
		int have = 0;

		n = n * 1664525 + 1013904223;
		client = address(n >> 16 & 1 ? "10.0.0.1" : "10.0.0.0", 1234);
		for (int k = 0; k < PLACES; k++) {
			int now_inside;

			if (lanes_admit(own, &values, &client, NOW + (uint64_t)i, &lanes[have]))
				continue;
			have++;
			now_inside = ++inside[n >> 16 & 1];
			if (now_inside > worst)
				worst = now_inside;
		}
		while (have) {
			inside[n >> 16 & 1]--;
			lane_release(lanes[--have]);
		}
	}
	lanes_free(own);
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	values.max_flows_per_source = PLACES;
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, (void *)(i + 1)), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_in_range(worst, 1, PLACES);
	assert_int_equal(clients_flows(clients), 0);
	for (int i = 0; i < PLACES; i++)
		assert_null(take("10.0.0.1"));
	assert_string_equal(take("10.0.0.1"), "max-flows-per-source");
}

/* More clients than there is room for: none gets in uncounted, and room comes back. */
static void test_many_sources(void **state)
{
	struct lane *lane;
	char client[32];
	int full = 0;

	(void)state;
	values.flow_rate_per_source = 1;
	for (int i = 0; i < 1200000; i++) {
		const char *reached;

		snprintf(client, sizeof(client), "%d.%d.%d.1", 1 + (i >> 16), i >> 8 & 255,
			 i & 255);
		reached = take_at(client, NOW, &lane);
		if (!reached) {
			lane_release(lane);
			continue;
		}
		assert_string_equal(reached, "max-sources");
		full++;
	}
	assert_true(full > 0);
	assert_null(keep_at("10.0.0.1", NOW + 5000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_no_limit),
		T(test_max_flows),
		T(test_per_source),
		T(test_source_prefix),
		T(test_rate),
		T(test_rate_per_source),
		T(test_refusal_costs_nothing),
		T(test_limit_comes_later),
		T(test_threads),
		T(test_many_sources),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
