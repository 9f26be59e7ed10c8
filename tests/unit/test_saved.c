/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random policies with rules limited to interfaces: printed as a file and read again
 * they decide the same about every flow on every interface, and no difference is
 * found; a change is found, and only that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policy/config/read.h"
#include "policy/policy_diff.h"
#include "random_policy.h"

#define SEED 77000u
#define POLICIES 1000
#define FLOWS 40

static const char *const devices[] = { "eth0", "eth1", "wg0", "wg1", "br0" };

/* The devices that a pattern matches, without fnmatch. */
static const struct {
	const char *pattern;
	unsigned int meets; /* bit: index of devices */
} patterns[] = { { "eth0", 1 }, { "eth*", 3 }, { "wg?", 12 }, { "wg1", 8 }, { "nosuch", 0 } };

/* Returns the devices that the rule is for. */
static unsigned int random_interfaces(__u64 *state, struct rule *rule)
{
	unsigned int n = below(state, 3), meets = n ? 0 : ~0u;

	if (rule->local == TPROXY_LOCAL_ONLY)
		return 0;
	for (unsigned int i = 0; i < n; i++) {
		unsigned int which = below(state, ARRAY_SIZE(patterns));

		assert_int_equal(name_set_add(&rule->interfaces, patterns[which].pattern), 0);
		meets |= patterns[which].meets;
	}
	return meets;
}

static void fail_error(const char *file, unsigned int line, const char *text, void *arg)
{
	fail_msg("seed %llu: line %u: %s", *(unsigned long long *)arg, line, text);
}

static void print_and_read(const struct config *config, struct config *again,
			   unsigned long long seed)
{
	const struct config_reader reader = { .name = "t",
					      .report.error = fail_error,
					      .report.arg = &seed };
	__cleanup_free char *text = NULL;
	__cleanup_file FILE *in = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	assert_int_equal(config_print(config, out), 0);
	fclose(out);
	in = fmemopen(text, len, "r");
	assert_non_null(in);
	assert_int_equal(config_read(&reader, in, again), 0);
}

/* A walk over the rules for this device. */
static const char *decide(const struct policy *policy, const unsigned int *meant,
			  unsigned int device, const struct flow *f)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct rule *rule = &policy->rules[i];

		if (rule->used && (meant[i] >> device & 1) && in_set(&rule->to, &f->dst) &&
		    in_set(&rule->from, &f->src) && in_services(&rule->services, f->proto, f->port))
			return rule->name;
	}
	return "none";
}

/* As the data path: with the mask of the interface. */
static const char *look_up(const struct tables *tables, const struct policy *policy,
			   const char *device, const struct flow *f)
{
	tproxy_mask mask =
		policy_rules_on(policy, device) & port_mask(&tables->ports, f->proto, f->port) &
		longest_match(&tables->dst, &f->dst) & longest_match(&tables->src, &f->src);

	return mask ? (const char *)tables->rules[__builtin_ctzll(mask)].name : "none";
}

/* The rule of that name; numbers change when a file is read. */
static int number_in(const struct policy *policy, const struct policy *again, int index)
{
	return index < 0 ? index : policy_find(policy, again->rules[index].name);
}

static void expect_same_decisions(const struct policy *policy, const unsigned int *meant,
				  const struct policy *again, __u64 seed)
{
	struct tables tables __cleanup_tables = { 0 };
	__u64 state = seed ^ 0xabcdef;

	assert_int_equal(tables_compile(again, &tables), 0);
	for (int i = 0; i < FLOWS; i++) {
		struct flow f = random_flow(&state, policy);
		struct sender s = random_sender(&state);

		if (first_own_match(policy, &f, &s) !=
		    number_in(policy, again, evaluate_own(&tables, &f, &s)))
			fail_msg("seed %llu: own flow", (unsigned long long)seed);
		for (unsigned int d = 0; d < ARRAY_SIZE(devices); d++) {
			const char *expected = decide(policy, meant, d, &f);
			const char *got = look_up(&tables, again, devices[d], &f);

			if (strcmp(expected, got))
				fail_msg("seed %llu: on %s: %s, expected %s",
					 (unsigned long long)seed, devices[d], got, expected);
		}
	}
}

struct found {
	int n;
	struct policy_change last;
	char field[32], text[96];
};

static int find(const struct policy_change *change, void *arg)
{
	struct found *found = arg;

	found->n++;
	found->last = *change;
	snprintf(found->field, sizeof(found->field), "%s", change->field ? change->field : "");
	snprintf(found->text, sizeof(found->text), "%s", change->text ? change->text : "");
	return 0;
}

static void test_print_and_read(void **unused)
{
	for (__u64 seed = SEED; seed < SEED + POLICIES; seed++) {
		struct config config __cleanup_config = { 0 };
		struct config again __cleanup_config = { 0 };
		unsigned int meant[TPROXY_MAX_RULES] = { 0 };
		struct found found = { 0 };
		__u64 state = seed;

		random_policy(seed, &config.policy);
		config.policy.unreadable = seed % TPROXY_UNREADABLE_MAX;
		for (int i = 0; i < TPROXY_MAX_RULES; i++) {
			struct rule *rule = &config.policy.rules[i];

			if (!rule->used)
				continue;
			meant[i] = random_interfaces(&state, rule);
			prefix_set_sort(&rule->to);
			prefix_set_sort(&rule->from);
			if (rule->action != TPROXY_ACTION_PROXY) /* says nothing then */
				rule->proxy = (struct endpoint){ 0 };
		}
		print_and_read(&config, &again, seed);
		expect_same_decisions(&config.policy, meant, &again.policy, seed);
		assert_int_equal(policy_diff(&config.policy, &again.policy, find, &found), 0);
		if (found.n)
			fail_msg("seed %llu: %d differences, rule %s %s %s",
				 (unsigned long long)seed, found.n, found.last.rule, found.field,
				 found.text);
	}
}

/* ---- single differences ------------------------------------------------- */

static void read_two(const char *a, const char *b, struct found *found)
{
	static unsigned long long none;
	const struct config_reader reader = { .name = "t",
					      .report.error = fail_error,
					      .report.arg = &none };
	struct config from __cleanup_config = { 0 };
	struct config to __cleanup_config = { 0 };
	__cleanup_file FILE *in = fmemopen((void *)a, strlen(a), "r");
	__cleanup_file FILE *in2 = fmemopen((void *)b, strlen(b), "r");

	*found = (struct found){ 0 };
	assert_int_equal(config_read(&reader, in, &from), 0);
	assert_int_equal(config_read(&reader, in2, &to), 0);
	assert_int_equal(policy_diff(&from.policy, &to.policy, find, found), 0);
}

static void expect_one(const char *a, const char *b, enum policy_change_kind kind,
		       const char *field, const char *text)
{
	struct found found;

	read_two(a, b, &found);
	assert_int_equal(found.n, 1);
	assert_int_equal(found.last.kind, kind);
	assert_string_equal(found.field, field);
	assert_string_equal(found.text, text);
}

static void test_single_differences(void **unused)
{
	struct found found;

	expect_one("[rule a]\n", "[rule a]\n[rule b]\n", CHANGE_RULE_NEW, "", "");
	expect_one("[rule a]\n[rule b]\n", "[rule b]\n", CHANGE_RULE_GONE, "", "");
	expect_one("[rule a]\n[rule b]\n", "[rule b]\n[rule a]\n", CHANGE_RULE_MOVED, "", "");
	expect_one("[rule a]\nports = 1 9\n", "[rule a]\nports = 9\n", CHANGE_VALUE_GONE, "ports",
		   "tcp/1");
	read_two("[rule a]\nports = 1-2 9\n", "[rule a]\nports = 9 2 1\n", &found);
	assert_int_equal(found.n, 0);
	read_two("[rule a]\nto = 10.0.0.0/8\n", "[rule a]\nto = 10.0.0.0/8 10.1.0.0/16\n", &found);
	assert_int_equal(found.n, 0); /* means the same */
	expect_one("[rule a]\nto = 10.0.0.0/8\n", "[rule a]\nto = 10.0.0.0/8 ::1\n",
		   CHANGE_VALUE_NEW, "to", "::1");
	expect_one("[rule a]\nfrom = 10.0.0.0/8 ::1\n", "[rule a]\nfrom = ::1\n", CHANGE_VALUE_GONE,
		   "from", "10.0.0.0/8");
	expect_one("[rule a]\ninterface = e\n", "[rule a]\n", CHANGE_VALUE_GONE, "interface", "e");
	read_two("[rule a]\naction = pass\n", "[rule a]\naction = drop\n", &found);
	assert_int_equal(found.n, 2); /* one goes, one comes */
	assert_string_equal(found.text, "drop");
	read_two("[rule a]\nunrouted = proxy\n", "[rule a]\n", &found);
	assert_int_equal(found.n, 2);
	assert_non_null(found.last.rule);
	assert_string_equal(found.field, "unrouted");
	read_two("[loader]\nunreadable = pass\n[rule a]\n", "[rule a]\n", &found);
	assert_int_equal(found.n, 2);
	assert_null(found.last.rule);
	assert_string_equal(found.field, "unreadable");
	read_two("[rule a]\nlocal = only\n", "[rule a]\nlocal = yes\n", &found);
	assert_int_equal(found.n, 2);
	assert_string_equal(found.field, "local");
	assert_string_equal(found.text, "yes");
	read_two("[rule a]\non-proxy-down = pass\n", "[rule a]\n", &found);
	assert_int_equal(found.n, 2);
	assert_string_equal(found.text, "drop");
}

#define OWN "[rule a]\nlocal = only\n"

static void test_owners(void **unused)
{
	struct found found;

	expect_one(OWN "uid = alice\n", OWN "uid = alice bob\n", CHANGE_VALUE_NEW, "uid", "bob");
	expect_one(OWN "gid = 5-9\n", OWN, CHANGE_VALUE_GONE, "gid", "5-9");
	expect_one(OWN, OWN "cgroup = a/b/\n", CHANGE_VALUE_NEW, "cgroup", "/a/b");
	expect_one(OWN, OWN "uid = none\n", CHANGE_VALUE_NEW, "uid", "none");
	read_two(OWN "uid = 5-9 10\n", OWN "uid = 7-10, 5-6\n", &found);
	assert_int_equal(found.n, 0); /* means the same */
	read_two(OWN "uid = 5-9\n", OWN "uid = 5-8\n", &found);
	assert_int_equal(found.n, 2);
	assert_string_equal(found.text, "5-8");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_print_and_read),
		cmocka_unit_test(test_single_differences),
		cmocka_unit_test(test_owners),
	};

	return cmocka_run_group_tests_name("saved", tests, NULL, NULL);
}
