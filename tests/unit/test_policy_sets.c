/* SPDX-License-Identifier: BSD-2-Clause */
/* The policy model: sets of prefixes and of services. */
#include "policy_expect.h"

#define SEED 20240229u

/* ---- prefix sets -------------------------------------------------------- */

static int del(struct prefix_set *set, const char *text)
{
	struct prefix p = prefix(text);

	return prefix_set_del(set, &p);
}

static void test_prefix_set_add(void **unused)
{
	struct prefix_set set = { 0 };

	add(&set, "10.0.0.0/8");
	add(&set, "2001:db8::/32");
	add(&set, "10.0.0.0/8");
	add(&set, "10.0.0.0/9"); /* another one, although covered */
	expect_prefixes(&set, "10.0.0.0/8,2001:db8::/32,10.0.0.0/9");
	free(set.items);
}

static void test_prefix_set_grows(void **unused)
{
	struct prefix_set set = { 0 };

	for (int i = 0; i < 1000; i++) {
		struct prefix p = { AF_INET, 32, { 10, 0, (__u8)(i >> 8), (__u8)i } };

		assert_int_equal(prefix_set_add(&set, &p), 0);
		assert_int_equal(prefix_set_add(&set, &p), 0);
		assert_int_equal(set.n, i + 1);
	}
	assert_int_equal(set.items[999].addr[2], 999 >> 8);
	free(set.items);
}

static void test_prefix_set_del(void **unused)
{
	struct prefix_set set = { 0 };

	assert_int_equal(del(&set, "10.0.0.0/8"), -ENOENT);
	add(&set, "10.0.0.0/8");
	add(&set, "10.0.0.0/9");
	add(&set, "2001:db8::/32");
	assert_int_equal(del(&set, "10.0.0.0/10"), -ENOENT);
	assert_int_equal(del(&set, "10.0.0.0/9"), 0);
	expect_prefixes(&set, "10.0.0.0/8,2001:db8::/32");
	assert_int_equal(del(&set, "2001:db8::/32"), 0);
	assert_int_equal(del(&set, "10.0.0.0/8"), 0);
	assert_int_equal(del(&set, "10.0.0.0/8"), -ENOENT);
	expect_prefixes(&set, "");
	free(set.items);
}

static void test_prefix_set_merge(void **unused)
{
	struct prefix_set a = { 0 }, b = { 0 };

	add(&a, "10.0.0.0/8");
	add(&b, "192.0.2.0/24");
	add(&b, "10.0.0.0/8");
	assert_int_equal(prefix_set_merge(&a, &b), 0);
	expect_prefixes(&a, "10.0.0.0/8,192.0.2.0/24");
	expect_prefixes(&b, "192.0.2.0/24,10.0.0.0/8");
	assert_int_equal(prefix_set_merge(&a, &(struct prefix_set){ 0 }), 0);
	expect_prefixes(&a, "10.0.0.0/8,192.0.2.0/24");
	free(a.items);
	free(b.items);
}

static void test_prefix_set_all(void **unused)
{
	struct prefix_set set = { 0 };

	assert_false(prefix_set_is_all(&set));
	add(&set, "0.0.0.0/0");
	assert_false(prefix_set_is_all(&set));
	assert_int_equal(prefix_set_add_all(&set), 0);
	expect_prefixes(&set, "0.0.0.0/0,::/0");
	assert_true(prefix_set_is_all(&set));
	assert_int_equal(prefix_set_add_all(&set), 0);
	assert_int_equal(set.n, 2);
	assert_int_equal(del(&set, "0.0.0.0/0"), 0);
	assert_false(prefix_set_is_all(&set));
	add(&set, "0.0.0.0/1");
	assert_false(prefix_set_is_all(&set));
	free(set.items);
}

/* ---- service sets ------------------------------------------------------- */

struct service_step {
	char op; /* '+' or '-' */
	const char *service;
	int err;
	const char *after;
};

static const struct service_step adding[] = {
	{ '+', "tcp/22", 0, "tcp/22" },
	{ '+', "tcp/22", 0, "tcp/22" },
	{ '+', "udp/22", 0, "tcp/22,udp/22" },
	{ '+', "tcp/24", 0, "tcp/22,udp/22,tcp/24" },
	{ '+', "tcp/23", 0, "udp/22,tcp/22-24" },
	{ '+', "tcp/10-22", 0, "udp/22,tcp/10-24" },
	{ '+', "tcp/12-13", 0, "udp/22,tcp/10-24" },
	{ '+', "tcp/65535", 0, "udp/22,tcp/10-24,tcp/65535" },
	{ '+', "tcp/65534", 0, "udp/22,tcp/10-24,tcp/65534-65535" },
	{ '+', "tcp/1", 0, "udp/22,tcp/10-24,tcp/65534-65535,tcp/1" },
	{ '+', "tcp", 0, "udp/22,tcp/10-24,tcp/65534-65535,tcp/1,tcp" },
	{ '+', "tcp/2", 0, "udp/22,tcp/10-24,tcp/65534-65535,tcp,tcp/1-2" },
	{ '+', "tcp", 0, "udp/22,tcp/10-24,tcp/65534-65535,tcp/1-2,tcp" },
	{ '+', "tcp/1-65535", 0, "udp/22,tcp,tcp/1-65535" },
	{ 0 },
};

static const struct service_step cutting[] = {
	{ '-', "tcp/22", -ENOENT, "" },
	{ '+', "tcp/100-200", 0, "tcp/100-200" },
	{ '-', "udp/100-200", -ENOENT, "tcp/100-200" },
	{ '-', "tcp/99-100", -ENOENT, "tcp/100-200" },
	{ '-', "tcp/200-201", -ENOENT, "tcp/100-200" },
	{ '-', "tcp/1-65535", -ENOENT, "tcp/100-200" },
	{ '-', "tcp", -ENOENT, "tcp/100-200" },
	{ '-', "tcp/100", 0, "tcp/101-200" },
	{ '-', "tcp/200", 0, "tcp/101-199" },
	{ '-', "tcp/150", 0, "tcp/101-149,tcp/151-199" },
	{ '-', "tcp/149-151", -ENOENT, "tcp/101-149,tcp/151-199" },
	{ '-', "tcp/101-149", 0, "tcp/151-199" },
	{ '-', "tcp/160-198", 0, "tcp/151-159,tcp/199" },
	{ '-', "tcp/199", 0, "tcp/151-159" },
	{ '+', "tcp", 0, "tcp/151-159,tcp" },
	{ '-', "tcp/5", -ENOENT, "tcp/151-159,tcp" },
	{ '-', "tcp", 0, "tcp/151-159" },
	{ '+', "udp/1-65535", 0, "tcp/151-159,udp/1-65535" },
	{ '-', "udp/65535", 0, "tcp/151-159,udp/1-65534" },
	{ '-', "udp/1", 0, "tcp/151-159,udp/2-65534" },
	{ '-', "udp/2-65534", 0, "tcp/151-159" },
	{ 0 },
};

static void run_steps(const struct service_step *step)
{
	struct service_set set = { 0 };

	for (; step->op; step++) {
		struct service s;
		const char *why;
		int err;

		assert_int_equal(policy_parse_service(step->service, &s, &why), 0);
		if (step->op == '+')
			err = service_set_add(&set, s.proto, s.range);
		else
			err = service_set_del(&set, s.proto, s.range);
		if (err != step->err)
			fail_msg("%c%s: %d", step->op, step->service, err);
		expect_services(&set, step->after);
	}
	free(set.items);
}

static void test_service_set_add(void **unused)
{
	run_steps(adding);
}

static void test_service_set_cut(void **unused)
{
	run_steps(cutting);
}

static void test_service_set_merge(void **unused)
{
	struct service_set a = { 0 }, b = { 0 };
	const char *why;

	assert_int_equal(policy_parse_services("22,80-90", IPPROTO_TCP, &a, &why), 0);
	assert_int_equal(policy_parse_services("23,85-95,70", IPPROTO_TCP, &b, &why), 0);
	assert_int_equal(policy_parse_services("53", IPPROTO_UDP, &b, &why), 0);
	assert_int_equal(service_set_merge(&a, &b), 0);
	expect_services(&a, "tcp/22-23,tcp/80-95,tcp/70,udp/53");
	expect_services(&b, "tcp/23,tcp/85-95,tcp/70,udp/53");
	free(a.items);
	free(b.items);
}

static void test_service_covers(void **unused)
{
	const struct service range = { IPPROTO_TCP, { 100, 200 } };
	const struct service any = { IPPROTO_UDP, { 0, 0 } };

	assert_false(service_covers(&range, IPPROTO_TCP, 99));
	assert_true(service_covers(&range, IPPROTO_TCP, 100));
	assert_true(service_covers(&range, IPPROTO_TCP, 200));
	assert_false(service_covers(&range, IPPROTO_TCP, 201));
	assert_false(service_covers(&range, IPPROTO_UDP, 150));
	assert_true(service_covers(&any, IPPROTO_UDP, 1));
	assert_true(service_covers(&any, IPPROTO_UDP, 65535));
	assert_true(service_covers(&any, IPPROTO_UDP, 0));
	assert_false(service_covers(&any, IPPROTO_TCP, 1));
}

/* ---- service sets against an array of ports ----------------------------- */

#define PORTS 128 /* a small world, so that ranges meet often; its end is 65535 */
#define WORLD_START (65536 - PORTS)

struct world {
	bool has[2][PORTS];
	bool any[2];
};

static __u32 random_next(__u32 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void expect_world(const struct service_set *set, const struct world *world, __u32 seed)
{
	for (int p = 0; p < 2; p++) {
		__u8 proto = p ? IPPROTO_UDP : IPPROTO_TCP;
		bool any = false;

		for (unsigned int port = 0; port < PORTS; port++) {
			unsigned int found = 0;

			for (size_t i = 0; i < set->n; i++)
				found += set->items[i].range.first &&
					 service_covers(&set->items[i], proto,
							(__u16)(WORLD_START + port));
			if (found != world->has[p][port])
				fail_msg("seed %u: port %u is there %u times", seed,
					 WORLD_START + port, found);
		}
		for (size_t i = 0; i < set->n; i++)
			any |= set->items[i].proto == proto && !set->items[i].range.first;
		assert_int_equal(any, world->any[p]);
	}
}

/* No two services of a protocol overlap or touch. */
static void expect_apart(const struct service_set *set, __u32 seed)
{
	for (size_t i = 0; i < set->n; i++) {
		for (size_t j = 0; j < set->n; j++) {
			const struct service *a = &set->items[i], *b = &set->items[j];

			if (i == j || a->proto != b->proto)
				continue;
			if (!a->range.first || !b->range.first)
				assert_int_not_equal(a->range.first, b->range.first);
			else if (a->range.first <= b->range.last + 1 &&
				 b->range.first <= a->range.last + 1)
				fail_msg("seed %u: %u-%u and %u-%u", seed, a->range.first,
					 a->range.last, b->range.first, b->range.last);
		}
	}
}

static bool world_has_all(const struct world *world, int p, struct port_range range)
{
	for (unsigned int port = range.first; port <= range.last; port++)
		if (!world->has[p][port - WORLD_START])
			return false;
	return true;
}

static void world_put(struct world *world, int p, struct port_range range, bool has)
{
	for (unsigned int port = range.first; port <= range.last; port++)
		world->has[p][port - WORLD_START] = has;
}

static void random_step(struct service_set *set, struct world *world, __u32 *state)
{
	struct port_range range = { 0 };
	bool deleting = random_next(state) % 2;
	int p = (int)(random_next(state) % 2);
	__u8 proto = p ? IPPROTO_UDP : IPPROTO_TCP;
	unsigned int start, len;

	if (random_next(state) % 16 == 0) {
		if (deleting)
			assert_int_equal(service_set_del(set, proto, range),
					 world->any[p] ? 0 : -ENOENT);
		else
			assert_int_equal(service_set_add(set, proto, range), 0);
		world->any[p] = !deleting;
		return;
	}
	start = random_next(state) % PORTS;
	len = random_next(state) % (deleting ? 6 : 20);
	range.first = (__u16)(WORLD_START + start);
	range.last = (__u16)(start + len >= PORTS ? 65535 : range.first + len);
	if (!deleting) {
		assert_int_equal(service_set_add(set, proto, range), 0);
		world_put(world, p, range, true);
	} else if (world_has_all(world, p, range)) {
		assert_int_equal(service_set_del(set, proto, range), 0);
		world_put(world, p, range, false);
	} else {
		assert_int_equal(service_set_del(set, proto, range), -ENOENT);
	}
}

static void test_service_set_random(void **unused)
{
	for (__u32 seed = SEED; seed < SEED + 200; seed++) {
		struct service_set set = { 0 };
		struct world world = { 0 };
		__u32 state = seed;

		for (int i = 0; i < 60; i++) {
			random_step(&set, &world, &state);
			expect_world(&set, &world, seed);
			expect_apart(&set, seed);
		}
		free(set.items);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefix_set_add),  cmocka_unit_test(test_prefix_set_grows),
		cmocka_unit_test(test_prefix_set_del),  cmocka_unit_test(test_prefix_set_merge),
		cmocka_unit_test(test_prefix_set_all),  cmocka_unit_test(test_service_set_add),
		cmocka_unit_test(test_service_set_cut), cmocka_unit_test(test_service_set_merge),
		cmocka_unit_test(test_service_covers),  cmocka_unit_test(test_service_set_random),
	};

	return cmocka_run_group_tests_name("policy: sets", tests, NULL, NULL);
}
