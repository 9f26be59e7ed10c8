/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules that can never match: those reported never decide, and the obvious ones are reported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/config/read.h"
#include "policy/cover.h"
#include "policy/shadow/shadow.h"
#include "random_policy.h"

#define SEED 20240229u
#define POLICIES 3000
#define FLOWS 400

static void on_error(const char *file, unsigned int line, const char *text, void *arg)
{
	fail_msg("%s:%u: %s", file, line, text);
}

/* The rules that are reported, "NAME by NAME…;…"; text: a configuration file. */
static void expect(const char *text, const char *expected)
{
	const struct config_reader reader = { .name = "test",
					      .rule_lists = CONFIG_LISTS_REFUSE,
					      .report.error = on_error };
	struct config config __cleanup_config = { 0 };
	struct shadow shadows[TPROXY_MAX_RULES];
	FILE *in = fmemopen((char *)text, strlen(text), "r");
	char got[1024] = "", line[300];

	assert_non_null(in);
	assert_int_equal(config_read(&reader, in, &config), 0);
	fclose(in);
	assert_int_equal(shadow_find(&config.policy, shadows), 0);
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		size_t len = strlen(got);

		if (shadows[i].kind)
			snprintf(got + len, sizeof(got) - len, "%s%s: %s", len ? "; " : "",
				 config.policy.rules[i].name,
				 shadow_format(&config.policy, &shadows[i], line, sizeof(line)));
	}
	assert_string_equal(got, expected);
}

#define BY "earlier rules take all that it matches: "

static void test_one(void **state)
{
	(void)state;
	expect("[rule a]\nports = 22\n[rule b]\nports = 80\n", "");
	expect("[rule a]\n[rule b]\nports = 80\n", "b: " BY "a");
	expect("[rule a]\nports = 80\n[rule b]\n", "");
	expect("[rule a]\n[rule b]\nproto = tcp+udp\n", "");
	expect("[rule a]\nto = 10.0.0.0/8\n[rule b]\nto = 10.1.0.0/16\nfrom = 10.0.0.0/8\n",
	       "b: " BY "a");
	expect("[rule a]\nto = 10.0.0.0/8\n[rule b]\nto = 10.1.0.0/16 11.0.0.0/8\n", "");
	expect("[rule a]\nto = 0.0.0.0/0\n[rule b]\nto = 10.1.0.0/16 ::/0\n", "");
}

static void test_together(void **state)
{
	(void)state;
	expect("[rule a]\nto = 10.0.0.0/9\n[rule b]\nto = 10.128.0.0/9\n[rule c]\nto = 10.0.0.0/8\n",
	       "c: " BY "a and b");
	expect("[rule a]\nto = ::/1 0.0.0.0/1\n[rule b]\nto = 8000::/1 128.0.0.0/1\n[rule c]\n",
	       "c: " BY "a and b");
	expect("[rule a]\nto = 10.0.0.0/9\n[rule b]\nto = 10.192.0.0/10\n[rule c]\nto = 10.0.0.0/8\n",
	       "");
	expect("[rule a]\nports = 1-100\n[rule b]\nports = 101-200\n[rule c]\nports = 50-150\n",
	       "c: " BY "a and b");
	expect("[rule a]\nproto = tcp\n[rule b]\nproto = udp\n[rule c]\nproto = tcp+udp\nports = 53\n",
	       "c: " BY "a and b");
}

static void test_interfaces(void **state)
{
	(void)state;
	expect("[rule a]\ninterface = eth0\n[rule b]\nports = 22\n", "");
	expect("[rule a]\ninterface = eth0\n[rule b]\ninterface = eth0\nports = 22\n",
	       "b: " BY "a");
	expect("[rule a]\ninterface = eth*\n[rule b]\ninterface = eth0\nports = 22\n",
	       "b: " BY "a");
	expect("[rule a]\ninterface = eth0\n[rule b]\ninterface = eth*\nports = 22\n", "");
	expect("[rule a]\ninterface = *\n[rule b]\nports = 22\n", "b: " BY "a");
	expect("[rule a]\ninterface = eth0\n[rule b]\ninterface = wg0\n[rule c]\n"
	       "interface = eth0 wg0\nports = 22\n",
	       "c: " BY "a and b");
	expect("[rule a]\ninterface = eth0\n[rule b]\ninterface = eth0 eth1\nports = 22\n", "");
}

static void test_own(void **state)
{
	(void)state;
	/* Rules for flows that enter, and those for own traffic, do not meet. */
	expect("[rule a]\n[rule b]\nlocal = only\nports = 22\n", "");
	expect("[rule a]\nlocal = only\n[rule b]\nports = 22\n", "");
	expect("[rule a]\n[rule b]\nlocal = yes\nports = 22\n", "");
	expect("[rule a]\nlocal = yes\n[rule b]\nlocal = only\nports = 22\n", "b: " BY "a");
	expect("[rule a]\nlocal = yes\n[rule b]\nports = 22\n", "b: " BY "a");
	expect("[rule a]\nlocal = only\n[rule b]\n[rule c]\nlocal = yes\nports = 22\n",
	       "c: " BY "a and b");
	expect("[rule a]\nlocal = yes\ninterface = eth0\n[rule b]\nlocal = yes\n", "");
}

static void test_owners(void **state)
{
	(void)state;
	expect("[rule a]\nlocal = only\nuid = 7\n[rule b]\nlocal = only\n", "");
	expect("[rule a]\nlocal = only\n[rule b]\nlocal = only\nuid = 7\n", "b: " BY "a");
	expect("[rule a]\nlocal = only\nuid = 5-9\n[rule b]\nlocal = only\nuid = 7\n",
	       "b: " BY "a");
	expect("[rule a]\nlocal = only\nuid = 5-9\n[rule b]\nlocal = only\nuid = 7 10\n", "");
	expect("[rule a]\nlocal = only\nuid = 1-9\n[rule b]\nlocal = only\nuid = 10-19\n"
	       "[rule c]\nlocal = only\nuid = 3-14\n",
	       "c: " BY "a and b");
	expect("[rule a]\nlocal = only\nuid = 7\n[rule b]\nlocal = only\ngid = 7\n", "");
	expect("[rule a]\nlocal = only\nuid = 7\n[rule b]\nlocal = only\nuid = 7\ngid = 7\n",
	       "b: " BY "a");
	expect("[rule a]\nlocal = only\ncgroup = 4\n[rule b]\nlocal = only\ncgroup = 4 5\n", "");
	expect("[rule a]\nlocal = only\ncgroup = 4\n[rule b]\nlocal = only\ncgroup = 4\nuid = 1\n",
	       "b: " BY "a");
	/* By name: nobody has it until it is looked up. Programs of `run` have all. */
	expect("[rule a]\nlocal = only\ncgroup = /x\n", "");
	expect("[rule a]\nlocal = yes\ncgroup = /x\n", "");
	expect("[rule a]\nlocal = only\nuid = none\n", "");
	/* A rule for flows that enter takes them whoever owns its own ones. */
	expect("[rule a]\nlocal = yes\nuid = 7\n[rule b]\nports = 22\n", "b: " BY "a");
	expect("[rule a]\nlocal = yes\nuid = 7\n[rule b]\nlocal = yes\nports = 22\n", "");
}

static void test_nothing(void **state)
{
	(void)state;
	expect("[rule a]\nto = none\n", "a: it has no destination, no source or no port");
	expect("[rule a]\nports = none\n[rule b]\n",
	       "a: it has no destination, no source or no port");
	expect("[rule a]\nfrom = 10.0.0.0/8\nto = 2001:db8::/32\n",
	       "a: its sources and destinations are of different address families");
}

static void check_policy(__u64 seed, size_t *found)
{
	struct shadow shadows[TPROXY_MAX_RULES];
	struct policy policy = { 0 };
	__u64 state = seed;

	random_policy(seed, &policy);
	assert_int_equal(shadow_find(&policy, shadows), 0);
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		*found += shadows[i].kind != SHADOW_NONE;
	for (int i = 0; i < FLOWS; i++) {
		struct flow f = random_flow(&state, &policy);
		int rule = first_match(&policy, &f);
		struct sender s = random_sender(&state);
		int own = first_own_match(&policy, &f, &s);

		if (own != NO_RULE && shadows[own].kind)
			fail_msg("seed %llu: rule %d decides about own traffic", seed, own);
		if (rule != NO_RULE && shadows[rule].kind)
			fail_msg("seed %llu: rule %d decides, and was said never to", seed, rule);
	}
	policy_free(&policy);
}

static void test_random(void **state)
{
	size_t found = 0;

	(void)state;
	for (unsigned int i = 0; i < POLICIES; i++)
		check_policy(SEED + i, &found);
	assert_in_range(found, POLICIES / 20, SIZE_MAX); /* else nothing was tested */
}

static void test_globs(void **state)
{
	static const struct {
		const char *a, *b;
		bool meet;
	} cases[] = {
		{ "eth0", "eth0", true },
		{ "eth0", "eth1", false },
		{ "eth*", "eth1", true },
		{ "wg*", "eth*", false },
		{ "*0", "eth*", true },
		{ "e?h*", "eth", true },
		{ "e?h?", "eth", false },
		{ "*a*b", "b*b", true },
		{ "a*c", "a*b", false },
		{ "*", "", true },
		{ "a[0-9]", "a1", true },
		{ "a[0-9]", "ab", false },
		{ "a[0-9]", "b*", true /* too hard to decide */ },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(glob_may_meet(cases[i].a, cases[i].b), cases[i].meet);
		assert_int_equal(glob_may_meet(cases[i].b, cases[i].a), cases[i].meet);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),        cmocka_unit_test(test_together),
		cmocka_unit_test(test_interfaces), cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_own),        cmocka_unit_test(test_owners),
		cmocka_unit_test(test_random),     cmocka_unit_test(test_globs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
