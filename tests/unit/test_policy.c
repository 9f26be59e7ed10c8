/* SPDX-License-Identifier: BSD-2-Clause */
/* The policy model: sets of prefixes and services, rules, their text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "policy/policy.h"
#include "lib/util.h"
#include "prefix.h"

#define SEED 20240229u

static void add(struct prefix_set *set, const char *text)
{
	struct prefix p = prefix(text);

	assert_int_equal(prefix_set_add(set, &p), 0);
}

static int del(struct prefix_set *set, const char *text)
{
	struct prefix p = prefix(text);

	return prefix_set_del(set, &p);
}

static void expect_prefixes(const struct prefix_set *set, const char *expected)
{
	char text[512] = "", buf[PREFIX_TEXT_LEN];

	for (size_t i = 0; i < set->n; i++) {
		size_t len = strlen(text);

		snprintf(text + len, sizeof(text) - len, "%s%s", i ? "," : "",
			 prefix_format(&set->items[i], buf));
	}
	assert_string_equal(text, expected);
}

static void expect_services(const struct service_set *set, const char *expected)
{
	char text[512] = "", buf[SERVICE_TEXT_LEN];

	for (size_t i = 0; i < set->n; i++) {
		size_t len = strlen(text);

		snprintf(text + len, sizeof(text) - len, "%s%s", i ? "," : "",
			 service_format(&set->items[i], buf));
	}
	assert_string_equal(text, expected);
}

/* ---- prefix sets ---------------------------------------------------------- */

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

/* ---- service sets --------------------------------------------------------- */

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

/* ---- service sets against an array of ports ------------------------------- */

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

/* ---- rules ---------------------------------------------------------------- */

static void put_rule(struct policy *policy, int index, const char *name)
{
	struct rule *rule = &policy->rules[index];

	rule->used = true;
	snprintf(rule->name, sizeof(rule->name), "%s", name);
}

static void test_find(void **unused)
{
	struct policy policy __cleanup_policy = { 0 };

	assert_int_equal(policy_find(&policy, "a"), -ENOENT);
	assert_int_equal(policy_find(&policy, ""), -ENOENT); /* unused rules have no name */
	put_rule(&policy, 5, "a");
	put_rule(&policy, 63, "b");
	assert_int_equal(policy_find(&policy, "a"), 5);
	assert_int_equal(policy_find(&policy, "b"), 63);
	assert_int_equal(policy_find(&policy, "A"), -ENOENT);
	policy.rules[5].used = false;
	assert_int_equal(policy_find(&policy, "a"), -ENOENT);
}

static void test_append_index(void **unused)
{
	struct policy policy __cleanup_policy = { 0 };

	assert_int_equal(policy_append_index(&policy), 0);
	put_rule(&policy, 0, "a");
	assert_int_equal(policy_append_index(&policy), 1);
	put_rule(&policy, 5, "b"); /* behind it, not in the hole */
	assert_int_equal(policy_append_index(&policy), 6);
	put_rule(&policy, 62, "c");
	assert_int_equal(policy_append_index(&policy), 63);
	put_rule(&policy, 63, "d");
	assert_int_equal(policy_append_index(&policy), -ENOSPC);
}

static void expect_names(const struct policy *policy, const char *expected)
{
	char text[512] = "";

	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		size_t len = strlen(text);

		if (policy->rules[i].used)
			snprintf(text + len, sizeof(text) - len, "%d%s ", i, policy->rules[i].name);
	}
	assert_string_equal(text, expected);
}

static void test_make_room(void **unused)
{
	struct policy policy __cleanup_policy = { 0 };

	put_rule(&policy, 0, "a");
	put_rule(&policy, 1, "b");
	put_rule(&policy, 3, "c");
	add(&policy.rules[1].to, "10.0.0.0/8");
	assert_int_equal(policy_make_room(&policy, 2), 0); /* free already */
	expect_names(&policy, "0a 1b 3c ");
	assert_int_equal(policy_make_room(&policy, 0), 0); /* up to the hole, no further */
	expect_names(&policy, "1a 2b 3c ");
	expect_prefixes(&policy.rules[2].to, "10.0.0.0/8");
	assert_null(policy.rules[0].to.items);
	assert_null(policy.rules[1].to.items);
	put_rule(&policy, 0, "d");
	assert_int_equal(policy_make_room(&policy, 2), 0);
	expect_names(&policy, "0d 1a 3b 4c ");
	assert_null(policy.rules[2].to.items);
}

static void test_make_room_full(void **unused)
{
	struct policy policy __cleanup_policy = { 0 };

	for (int i = 1; i < TPROXY_MAX_RULES; i++)
		put_rule(&policy, i, "r");
	assert_int_equal(policy_make_room(&policy, 1), -ENOSPC);
	assert_int_equal(policy_make_room(&policy, 63), -ENOSPC);
	assert_int_equal(policy_make_room(&policy, 0), 0);
	policy.rules[63].used = false;
	put_rule(&policy, 0, "first");
	assert_int_equal(policy_make_room(&policy, 0), 0);
	assert_int_equal(policy_find(&policy, "first"), 1);
	assert_true(policy.rules[63].used);
	put_rule(&policy, 0, "zero");
	assert_int_equal(policy_make_room(&policy, 0), -ENOSPC);
	assert_int_equal(policy_find(&policy, "zero"), 0);
}

static void test_names(void **unused)
{
	static const char *const good[] = {
		"a", "default", "A-b_c.9", "0", ".", "-x", "1234567890123456789012345678901"
	};
	static const char *const bad[] = { "",         " ",   "a b",
					   "a/b",      "a,b", "a\n",
					   "\xc3\xa4", "a]",  "12345678901234567890123456789012" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (!policy_name_is_valid(good[i]))
			fail_msg("\"%s\" was refused", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (policy_name_is_valid(bad[i]))
			fail_msg("\"%s\" was accepted", bad[i]);
	assert_true(policy_name_is_valid(policy_default_rule));
}

static void fill_rule(struct rule *rule)
{
	const char *why;

	rule->action = TPROXY_ACTION_PROXY;
	rule->on_down = TPROXY_ON_DOWN_RESET;
	rule->unrouted = TPROXY_UNROUTED_PROXY;
	assert_int_equal(policy_parse_proxy("[::1]:99", &rule->proxy, &why), 0);
	assert_int_equal(policy_parse_prefixes("10.0.0.0/8,::/0", &rule->to, &why), 0);
	assert_int_equal(policy_parse_prefixes("all", &rule->from, &why), 0);
	assert_int_equal(policy_parse_services("22,80", IPPROTO_TCP, &rule->services, &why), 0);
}

static void test_copy(void **unused)
{
	struct policy from = { 0 };
	struct policy to __cleanup_policy = { 0 };
	const struct rule *copy = &to.rules[63];
	char buf[PROXY_TEXT_LEN];

	put_rule(&from, 0, "empty");
	put_rule(&from, 63, "full");
	fill_rule(&from.rules[63]);
	assert_int_equal(policy_copy(&from, &to), 0);
	assert_ptr_not_equal(copy->to.items, from.rules[63].to.items);
	policy_free(&from);
	expect_names(&from, "");
	expect_names(&to, "0empty 63full ");
	expect_prefixes(&copy->to, "10.0.0.0/8,::/0");
	expect_prefixes(&copy->from, "0.0.0.0/0,::/0");
	expect_services(&copy->services, "tcp/22,tcp/80");
	assert_int_equal(copy->action, TPROXY_ACTION_PROXY);
	assert_int_equal(copy->on_down, TPROXY_ON_DOWN_RESET);
	assert_int_equal(copy->unrouted, TPROXY_UNROUTED_PROXY);
	assert_string_equal(proxy_format(&copy->proxy, buf), "[::1]:99");
	add(&to.rules[0].to, "10.0.0.1"); /* a copied set of nothing grows */
	add(&to.rules[63].to, "10.0.0.1");
	expect_prefixes(&copy->to, "10.0.0.0/8,::/0,10.0.0.1");
}

static void test_rule_free(void **unused)
{
	struct policy policy = { 0 };
	struct rule zero = { 0 };

	put_rule(&policy, 3, "x");
	fill_rule(&policy.rules[3]);
	rule_free(&policy.rules[3]);
	assert_memory_equal(&policy.rules[3], &zero, sizeof(zero));
	rule_free(&policy.rules[3]);
	policy_free(&policy);
}

/* ---- text ----------------------------------------------------------------- */

static const struct {
	const char *text;
	const char *back; /* NULL: refused */
} services[] = {
	{ "tcp", "tcp" },
	{ "udp", "udp" },
	{ "tcp/22", "tcp/22" },
	{ "udp/5000-5010", "udp/5000-5010" },
	{ "tcp/22-22", "tcp/22" },
	{ "tcp/1-65535", "tcp/1-65535" },
	{ "", NULL },
	{ "tc", NULL },
	{ "tcp/", NULL },
	{ "tcp/0", NULL },
	{ "tcp/65536", NULL },
	{ "tcp22", NULL },
	{ "tcp/22,23", NULL },
	{ "tcp/22/23", NULL },
	{ "TCP/22", NULL },
	{ "icmp", NULL },
	{ "sctp/22", NULL },
	{ "22", NULL },
	{ "22/tcp", NULL },
	{ "tcp+udp", NULL },
};

static void test_service_text(void **unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		struct service s = { .proto = 99 };
		char buf[SERVICE_TEXT_LEN];
		const char *why = NULL;
		int err = policy_parse_service(services[i].text, &s, &why);

		if (!err != !!services[i].back)
			fail_msg("\"%s\": %d", services[i].text, err);
		assert_true(err ? why && *why && s.proto == 99 : !why);
		if (!err)
			assert_string_equal(service_format(&s, buf), services[i].back);
	}
}

static const struct {
	const char *text;
	const char *back; /* NULL: refused */
} proxies[] = {
	{ "relay", "relay" },
	{ "15002", "15002" },
	{ "127.0.0.1:3128", "127.0.0.1:3128" },
	{ "[::1]:3128", "[::1]:3128" },
	{ "[2001:db8:1111:2222:3333:4444:5555:6666]:65535",
	  "[2001:db8:1111:2222:3333:4444:5555:6666]:65535" },
	{ "0", NULL },
	{ "", NULL },
	{ "Relay", NULL },
	{ "127.0.0.1", NULL },
	{ "::1:3128", NULL },
};

static void test_proxy_text(void **unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(proxies); i++) {
		struct endpoint ep = { .family = 99 };
		char buf[PROXY_TEXT_LEN];
		const char *why = NULL;
		int err = policy_parse_proxy(proxies[i].text, &ep, &why);

		if (!err != !!proxies[i].back)
			fail_msg("\"%s\": %d", proxies[i].text, err);
		assert_true(err ? why && *why && ep.family == 99 : !why);
		if (!err)
			assert_string_equal(proxy_format(&ep, buf), proxies[i].back);
	}
}

static void test_service_lists(void **unused)
{
	struct service_set set = { 0 };
	const char *why = NULL;

	assert_int_equal(policy_parse_services("22,80,1000-2000", IPPROTO_TCP, &set, &why), 0);
	assert_int_equal(policy_parse_services("53", IPPROTO_UDP, &set, &why), 0);
	expect_services(&set, "tcp/22,tcp/80,tcp/1000-2000,udp/53");
	assert_int_not_equal(policy_parse_services("", IPPROTO_TCP, &set, &why), 0);
	assert_int_not_equal(policy_parse_services("22,", IPPROTO_TCP, &set, &why), 0);
	assert_int_not_equal(policy_parse_services("22, 23", IPPROTO_TCP, &set, &why), 0);
	why = NULL;
	assert_int_not_equal(policy_parse_services("tcp/22", IPPROTO_TCP, &set, &why), 0);
	assert_string_equal(why, "not a port number");
	free(set.items);
}

/* --ports and --proto, `ports` and `proto`. */
static void test_ports_of_protocols(void **unused)
{
	static const struct {
		const char *ports, *proto, *services;
	} cases[] = {
		{ "22,8000-8010", "tcp", "tcp/22,tcp/8000-8010" },
		{ "53", "udp", "udp/53" },
		{ "53", "tcp+udp", "tcp/53,udp/53" },
		{ "53", "udp+tcp", "tcp/53,udp/53" },
		{ "22,udp/53", "tcp", "udp/53,tcp/22" },
		{ "tcp/22,53", "udp", "tcp/22,udp/53" },
		{ "udp/53,tcp/8000-8010", "tcp", "udp/53,tcp/8000-8010" },
		{ "udp", "tcp", "udp" },
		{ NULL, "tcp", "tcp" },
		{ NULL, "tcp+udp", "tcp,udp" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct service_set ports = { 0 }, got = { 0 };
		const char *why = NULL;

		if (cases[i].ports)
			assert_int_equal(policy_parse_ports(cases[i].ports, &ports, &why), 0);
		assert_int_equal(service_set_resolve(&got, cases[i].ports ? &ports : NULL,
						     policy_parse_proto(cases[i].proto)),
				 0);
		expect_services(&got, cases[i].services);
		free(ports.items);
		free(got.items);
	}
}

static void test_bad_ports(void **unused)
{
	static const char *const bad[] = { "",      "22,",   "22, 23", "sctp/22", "tcp/",
					   "udp/0", "70000", "90-80",  "tcp22",   "icmp" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct service_set set = { 0 };
		const char *why = NULL;

		assert_int_not_equal(policy_parse_ports(bad[i], &set, &why), 0);
		assert_non_null(why);
		free(set.items);
	}
	assert_int_equal(policy_parse_proto("icmp"), -EINVAL);
	assert_int_equal(policy_parse_proto(""), -EINVAL);
}

static void test_prefix_lists(void **unused)
{
	struct prefix_set set = { 0 };
	const char *why = NULL;

	assert_int_equal(policy_parse_prefixes("10.0.0.0/8,2001:db8::/32", &set, &why), 0);
	expect_prefixes(&set, "10.0.0.0/8,2001:db8::/32");
	assert_int_equal(policy_parse_prefixes("192.0.2.1,all", &set, &why), 0);
	expect_prefixes(&set, "10.0.0.0/8,2001:db8::/32,192.0.2.1,0.0.0.0/0,::/0");
	assert_int_equal(policy_parse_prefixes("", &set, &why), -EINVAL);
	assert_int_equal(policy_parse_prefixes("10.0.0.0/8,", &set, &why), -EINVAL);
	assert_int_equal(policy_parse_prefixes("All", &set, &why), -EINVAL);
	why = NULL;
	assert_int_equal(policy_parse_prefixes("10.0.0.1/8", &set, &why), -EINVAL);
	assert_string_equal(why, "host bits are set");
	free(set.items);
}

static void test_name_tables(void **unused)
{
	for (int i = TPROXY_ACTION_NONE + 1; i < TPROXY_ACTION_MAX; i++)
		assert_int_equal(
			parse_name(policy_action_names[i], policy_action_names, TPROXY_ACTION_MAX),
			i);
	for (int i = 0; i < TPROXY_ON_DOWN_MAX; i++)
		assert_int_equal(parse_name(policy_on_down_names[i], policy_on_down_names,
					    TPROXY_ON_DOWN_MAX),
				 i);
	for (int i = 0; i < TPROXY_UNROUTED_MAX; i++)
		assert_int_equal(parse_name(policy_unrouted_names[i], policy_unrouted_names,
					    TPROXY_UNROUTED_MAX),
				 i);
	for (int i = 0; i < TPROXY_UNREADABLE_MAX; i++)
		assert_int_equal(parse_name(policy_unreadable_names[i], policy_unreadable_names,
					    TPROXY_UNREADABLE_MAX),
				 i);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefix_set_add),
		cmocka_unit_test(test_prefix_set_grows),
		cmocka_unit_test(test_prefix_set_del),
		cmocka_unit_test(test_prefix_set_merge),
		cmocka_unit_test(test_prefix_set_all),
		cmocka_unit_test(test_service_set_add),
		cmocka_unit_test(test_service_set_cut),
		cmocka_unit_test(test_service_set_merge),
		cmocka_unit_test(test_service_covers),
		cmocka_unit_test(test_service_set_random),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_append_index),
		cmocka_unit_test(test_make_room),
		cmocka_unit_test(test_make_room_full),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_rule_free),
		cmocka_unit_test(test_service_text),
		cmocka_unit_test(test_proxy_text),
		cmocka_unit_test(test_service_lists),
		cmocka_unit_test(test_ports_of_protocols),
		cmocka_unit_test(test_bad_ports),
		cmocka_unit_test(test_prefix_lists),
		cmocka_unit_test(test_name_tables),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
