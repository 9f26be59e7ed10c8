/* SPDX-License-Identifier: BSD-2-Clause */
/* The policy model: rules, and the text of their parts. */
#include "policy_expect.h"

/* ---- rules -------------------------------------------------------------- */

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
	put_rule(&policy, 5, "b"); /* after it, not in the hole */
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

/* ---- text --------------------------------------------------------------- */

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
		cmocka_unit_test(test_prefix_lists),
		cmocka_unit_test(test_name_tables),
		cmocka_unit_test(test_ports_of_protocols),
		cmocka_unit_test(test_bad_ports),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
