/* SPDX-License-Identifier: BSD-2-Clause */
/* The flows of a thread by client: which client has the most, and which of its flows makes room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "address.h"
#include "relay/admit/lanes.h"

#define NOW 1000000 /* ms; any */

struct flow {
	struct flow_link link; /* the first member */
	int number;
};

static struct clients *clients;
static struct lanes *l;
static const struct limit_values values = LIMITS_DEFAULT;

static int setup(void **state)
{
	(void)state;
	clients = clients_new(1000);
	l = lanes_new(clients);
	return !l;
}

static int teardown(void **state)
{
	(void)state;
	lanes_free(l);
	clients_free(clients);
	return 0;
}

static struct lane *admit(const char *client)
{
	union saddr a = address(client, 1);
	struct lane *lane = NULL;

	assert_null(lanes_admit(l, &values, &a, NOW, &lane));
	return lane;
}

static void begin_at(struct flow *flow, const char *client, uint64_t now)
{
	*flow = (struct flow){ 0 };
	lane_join(admit(client), LANE_TCP, &flow->link, now);
}

static void begin(struct flow *flow, const char *client)
{
	begin_at(flow, client, NOW);
}

static void end(struct flow *flows, int n)
{
	for (int i = 0; i < n; i++)
		lane_leave(&flows[i].link);
	assert_int_equal(clients_flows(clients), 0);
}

/* The victim for one more flow of that client. */
static struct flow_link *victim(const char *client, bool *must)
{
	struct lane *lane = admit(client);
	struct flow_link *flow = lanes_victim(l, LANE_TCP, lane, must);

	lane_release(lane);
	return flow;
}

static void test_largest_loses_its_oldest(void **state)
{
	struct flow flows[8] = { 0 };
	bool must;

	(void)state;
	begin(&flows[0], "10.0.0.9"); /* the oldest of all */
	for (int i = 1; i < 6; i++)
		begin(&flows[i], "10.0.0.1");
	begin(&flows[6], "10.0.0.2");
	begin(&flows[7], "10.0.0.2");
	assert_int_equal(lanes_largest(l, LANE_TCP), 5);
	assert_ptr_equal(victim("10.0.0.3", &must), &flows[1]);
	assert_true(must);
	assert_ptr_equal(victim("10.0.0.2", &must), &flows[1]);
	assert_true(must);
	/* the largest one pays for itself, and only if it has an idle flow */
	assert_ptr_equal(victim("10.0.0.1", &must), &flows[1]);
	assert_false(must);
	end(flows, 8);
}

static void test_never_a_smaller_one_for_a_larger_one(void **state)
{
	struct flow flows[7] = { 0 };
	bool must;

	(void)state;
	for (int i = 0; i < 3; i++)
		begin(&flows[i], "10.0.0.1");
	for (int i = 3; i < 7; i++)
		begin(&flows[i], "10.0.0.2");
	/* one more would make them equal in turn, for ever */
	assert_ptr_equal(victim("10.0.0.1", &must), &flows[0]);
	assert_false(must);
	assert_ptr_equal(victim("10.0.0.2", &must), &flows[3]);
	assert_false(must);
	end(flows, 7);
}

static void test_all_have_one(void **state)
{
	struct flow flows[3] = { 0 };
	bool must;

	(void)state;
	assert_null(victim("10.0.0.4", &must));
	begin(&flows[0], "10.0.0.1");
	begin(&flows[1], "10.0.0.2");
	begin(&flows[2], "10.0.0.3");
	assert_ptr_equal(victim("10.0.0.4", &must), &flows[0]);
	assert_false(must);
	lane_touch(&flows[0].link, NOW + 1000, 1000);
	assert_ptr_equal(victim("10.0.0.4", &must), &flows[1]);
	end(flows, 3);
}

static void test_ipv6_neighbours_are_one(void **state)
{
	struct flow flows[4] = { 0 };
	bool must;

	(void)state;
	begin(&flows[0], "fd77:1::1");
	begin(&flows[1], "fd77:1::2");
	begin(&flows[2], "fd77:1::3");
	begin(&flows[3], "fd77:2::1");
	assert_ptr_equal(victim("fd77:3::1", &must), &flows[0]);
	assert_true(must);
	assert_ptr_equal(victim("fd77:1::4", &must), &flows[0]);
	assert_false(must);
	end(flows, 4);
}

static void test_touch(void **state)
{
	struct flow flows[3] = { 0 };
	union saddr a = address("10.0.0.1", 9);
	struct lane *lane;

	(void)state;
	for (int i = 0; i < 3; i++)
		begin(&flows[i], "10.0.0.1");
	lane = lanes_find(l, &a, 64);
	assert_non_null(lane);
	lane_touch(&flows[0].link, NOW + 999, 1000); /* not moved: too soon */
	assert_ptr_equal(lane_oldest(lane, LANE_TCP), &flows[0]);
	lane_touch(&flows[0].link, NOW + 1000, 1000);
	assert_ptr_equal(lane_oldest(lane, LANE_TCP), &flows[1]);
	end(flows, 3);
	a = address("10.0.0.2", 9);
	assert_null(lanes_find(l, &a, 64));
}

static void test_kinds(void **state)
{
	struct flow flows[3] = { 0 };
	struct lane *lane = admit("10.0.0.1");

	(void)state;
	lane_join(lane, LANE_UDP_UNANSWERED, &flows[0].link, NOW);
	begin(&flows[1], "10.0.0.1");
	begin(&flows[2], "10.0.0.2");
	assert_int_equal(lane_count(lane, LANE_UDP_UNANSWERED), 1);
	lane_change(&flows[0].link, LANE_UDP_ANSWERED, NOW);
	assert_int_equal(lane_count(lane, LANE_UDP_UNANSWERED), 0);
	assert_int_equal(lane_count(lane, LANE_UDP_ANSWERED), 1);
	assert_int_equal(lane_count(lane, LANE_TCP), 1);
	assert_int_equal(lanes_count(l, LANE_TCP), 2);
	assert_int_equal(lanes_largest(l, LANE_UDP_ANSWERED), 1);
	assert_int_equal(clients_flows(clients), 3);
	end(flows, 3);
	assert_int_equal(lanes_largest(l, LANE_UDP_ANSWERED), 0);
	assert_int_equal(lanes_count(l, LANE_TCP), 0);
}

/* ---- against a model ---------------------------------------------------- */

#define CLIENTS 40
#define FLOWS 4000
#define STEPS 60000

static struct flow pool[FLOWS];
static int owner[FLOWS];
static unsigned int counts[CLIENTS];

static unsigned int model_largest(void)
{
	unsigned int most = 0;

	for (int i = 0; i < CLIENTS; i++)
		most = counts[i] > most ? counts[i] : most;
	return most;
}

static void step(unsigned int n)
{
	struct flow *flow = &pool[n % FLOWS];
	int client = (int)(n / FLOWS % (1 + n / FLOWS % CLIENTS)); /* some have more than others */
	char name[16];

	if (owner[n % FLOWS]) {
		counts[owner[n % FLOWS] - 1]--;
		owner[n % FLOWS] = 0;
		lane_leave(&flow->link);
		return;
	}
	snprintf(name, sizeof(name), "10.0.1.%d", client);
	begin(flow, name);
	counts[client]++;
	owner[n % FLOWS] = client + 1;
}

static void test_model(void **state)
{
	unsigned int n = 1;

	(void)state;
	for (int i = 0; i < STEPS; i++) {
		struct flow_link *oldest;

		n = n * 1664525 + 1013904223;
		step(n >> 8);
		assert_int_equal(lanes_largest(l, LANE_TCP), model_largest());
		oldest = lanes_oldest(l, LANE_TCP);
		assert_true(!oldest == !model_largest());
		if (oldest)
			assert_int_equal(lane_count(oldest->lane, LANE_TCP), model_largest());
	}
	for (int i = 0; i < FLOWS; i++)
		if (owner[i])
			lane_leave(&pool[i].link);
	assert_int_equal(clients_flows(clients), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_largest_loses_its_oldest),
		T(test_never_a_smaller_one_for_a_larger_one),
		T(test_all_have_one),
		T(test_ipv6_neighbours_are_one),
		T(test_touch),
		T(test_kinds),
		T(test_model),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
