/* SPDX-License-Identifier: BSD-2-Clause */
/* Which UDP flows a policy takes, beside those that the previous one took. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "flow_key.h"
#include "kernel/flows/flowset.h"
#include "policy/takes.h"
#include "random_policy.h"

#define POLICIES 3000
#define FLOWS 60

static struct tproxy_flow_key key_of_flow(const struct flow *f)
{
	struct tproxy_flow_key key;

	flow_key_make(&key, f->dst.family, f->src.addr, f->dst.addr);
	key.proto = f->proto;
	key.dport = htons(f->port);
	return key;
}

static void expect_own(const struct policy *policy, const struct tables *tables,
		       const struct flow *f, __u64 *state)
{
	struct sender s = random_sender(state);
	const struct takes_sender sender = { .id = { s.uid, s.gid },
					     .cgroups = s.cgroups,
					     .n_cgroups = CGROUP_DEPTH };
	const struct tproxy_flow_key key = key_of_flow(f);

	assert_int_equal(takes_own_flow(tables, policy_local_rules(policy), &key, &sender),
			 first_own_match(policy, f, &s));
}

static void test_takes_flow(void **unused)
{
	for (__u64 seed = 1; seed <= POLICIES; seed++) {
		struct policy policy __cleanup_policy = { 0 };
		struct tables tables __cleanup_tables = { 0 };
		__u64 state = seed ^ 0xf10f10;

		random_policy(seed, &policy);
		assert_int_equal(tables_compile(&policy, &tables), 0);
		for (int i = 0; i < FLOWS; i++) {
			struct flow f = random_flow(&state, &policy);
			struct tproxy_flow_key key = key_of_flow(&f);
			tproxy_mask all = local_mask(&tables, TPROXY_LOCAL_ONLY);
			int expected = first_match(&policy, &f);
			int got = takes_flow(&tables, all, &key);

			if (got != expected)
				fail_msg("seed %llu: rule %d, expected %d",
					 (unsigned long long)seed, got, expected);
			if (expected >= 0)
				assert_int_not_equal(
					takes_flow(&tables, all & ~(1ULL << expected), &key),
					expected);
			expect_own(&policy, &tables, &f, &state);
		}
	}
}

/* A policy that is not far from another: some rules, prefixes or ports more or fewer, or moved. */
static void vary(__u64 *state, struct policy *policy)
{
	for (unsigned int n = 1 + below(state, 3); n; n--) {
		int index = (int)below(state, TPROXY_MAX_RULES);
		struct rule *rule = &policy->rules[index];
		struct rule *other = &policy->rules[below(state, TPROXY_MAX_RULES)];

		for (int tries = 0; tries < 100 && !rule->used; tries++)
			rule = &policy->rules[index = (int)below(state, TPROXY_MAX_RULES)];
		switch (below(state, 6)) {
		case 0:
			rule_free(rule);
			break;
		case 1: {
			struct rule moved = *rule;

			*rule = *other;
			*other = moved;
			break;
		}
		case 2:
			random_prefixes(state, &rule->to);
			break;
		case 3:
			random_services(state, &rule->services);
			break;
		case 4:
			if (rule->to.n > 1)
				rule->to.n--;
			break;
		default:
			if (rule->services.n > 1)
				rule->services.n--;
		}
	}
}

static bool is_proxied(const struct policy *policy, tproxy_mask mask, const struct flow *f)
{
	struct policy in_force = *policy;
	int rule;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		in_force.rules[i].used &= mask >> i & 1;
	rule = first_match(&in_force, f);
	return rule >= 0 && policy->rules[rule].action == TPROXY_ACTION_PROXY;
}

static void add_rule(struct policy *policy, int index, enum tproxy_action action,
		     const char *interface)
{
	struct rule *rule = &policy->rules[index];

	rule->used = true;
	snprintf(rule->name, sizeof(rule->name), "rule%d", index);
	rule->action = action;
	assert_int_equal(prefix_set_add_all(&rule->to), 0);
	assert_int_equal(prefix_set_add_all(&rule->from), 0);
	assert_int_equal(
		service_set_add(&rule->services, IPPROTO_UDP, (struct port_range){ 53, 53 }), 0);
	if (interface)
		assert_int_equal(name_set_add(&rule->interfaces, interface), 0);
}

static void expect_somewhere(const struct policy *policy, bool expected)
{
	struct tables tables __cleanup_tables = { 0 };
	const struct tproxy_flow_key key = key_of(AF_INET, "192.0.2.1", "198.51.100.2");

	assert_int_equal(tables_compile(policy, &tables), 0);
	assert_int_equal(takes_flow_somewhere(&tables, policy, &key), expected);
}

static void test_takes_somewhere(void **unused)
{
	struct policy policy __cleanup_policy = { 0 };

	expect_somewhere(&policy, false);
	add_rule(&policy, 5, TPROXY_ACTION_PROXY, "eth1");
	expect_somewhere(&policy, true);
	add_rule(&policy, 4, TPROXY_ACTION_PASS, "eth2");
	expect_somewhere(&policy, true);
	add_rule(&policy, 3, TPROXY_ACTION_DROP, NULL);
	expect_somewhere(&policy, false);
	add_rule(&policy, 2, TPROXY_ACTION_PROXY, "eth3");
	expect_somewhere(&policy, true);
	add_rule(&policy, 1, TPROXY_ACTION_PASS, NULL);
	expect_somewhere(&policy, false);
	add_rule(&policy, 0, TPROXY_ACTION_PROXY, NULL);
	expect_somewhere(&policy, true);
}

/* "No" must be true of every flow; "yes" must not be all there is. */
static void test_takes_more(void **unused)
{
	unsigned int more = 0, not_more = 0;

	for (__u64 seed = 1; seed <= POLICIES; seed++) {
		struct policy before __cleanup_policy = { 0 };
		struct policy after __cleanup_policy = { 0 };
		__u64 state = seed;
		struct policy_in_force a = { &before,
					     below(&state, 3) ? ~0ULL : random_next(&state) };
		struct policy_in_force b = { &after,
					     below(&state, 3) ? a.mask : random_next(&state) };

		random_policy(seed, &before);
		assert_int_equal(policy_copy(&before, &after), 0);
		assert_int_equal(takes_more_udp(&a, &(struct policy_in_force){ &after, a.mask }),
				 0);
		vary(&state, &after);
		if (takes_more_udp(&a, &b)) {
			more++;
			continue;
		}
		not_more++;
		for (int i = 0; i < FLOWS; i++) {
			struct flow f = random_flow(&state, &after);

			f.proto = IPPROTO_UDP;
			if (is_proxied(&after, b.mask, &f) && !is_proxied(&before, a.mask, &f))
				fail_msg("seed %llu: more is taken", (unsigned long long)seed);
		}
	}
	assert_true(more > POLICIES / 10);
	assert_true(not_more > POLICIES / 10);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_takes_flow),
		cmocka_unit_test(test_takes_somewhere),
		cmocka_unit_test(test_takes_more),
	};

	return cmocka_run_group_tests_name("takes", tests, NULL, NULL);
}
