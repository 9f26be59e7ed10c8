/* SPDX-License-Identifier: BSD-2-Clause */
/* Single facts about the policy compiler: masks, ports, entries of rules, merging. */
#include "tables_model.h"

static void test_empty(void **unused)
{
	struct policy policy __cleanup_policy = { 0 };
	struct policy back __cleanup_policy = { 0 };
	struct tables tables __cleanup_tables = { 0 };
	struct flow f = { .proto = IPPROTO_TCP, .port = 80 };

	f.dst = f.src = (struct prefix){ AF_INET, 32, { 10, 0, 0, 1 } };
	assert_int_equal(tables_compile(&policy, &tables), 0);
	assert_int_equal(tables.dst.n + tables.src.n + tables.ports.n, 0);
	assert_int_equal(tables.active, 0);
	assert_int_equal(evaluate(&tables, &f), NO_RULE);
	assert_int_equal(tables_to_policy(&tables, &back), 0);
	assert_memory_equal(&policy, &back, sizeof(policy));
}

static void test_masks_inherit(void **unused)
{
	struct policy policy __cleanup_policy = { 0 };
	struct tables t __cleanup_tables = { 0 };

	put(&policy, 0, "10.0.0.0/8", "all", "22");
	put(&policy, 1, "10.1.0.0/16,192.0.2.1", "0.0.0.0/0", "22-23");
	put(&policy, 63, "10.1.2.0/24,0.0.0.0/0", "::/0", "23");
	assert_int_equal(tables_compile(&policy, &t), 0);
	assert_int_equal(t.active, 1ULL << 63 | 3);
	assert_int_equal(mask_at(&t.dst, "0.0.0.0/0"), 1ULL << 63);
	assert_int_equal(mask_at(&t.dst, "10.0.0.0/8"), 1ULL << 63 | 1);
	assert_int_equal(mask_at(&t.dst, "10.1.0.0/16"), 1ULL << 63 | 3);
	assert_int_equal(mask_at(&t.dst, "192.0.2.1"), 1ULL << 63 | 2);
	assert_int_equal(mask_at(&t.src, "0.0.0.0/0"), 3);
	assert_int_equal(mask_at(&t.src, "::/0"), 1ULL << 63 | 1);
	assert_int_equal(port_mask(&t.ports, IPPROTO_TCP, 22), 3);
	assert_int_equal(port_mask(&t.ports, IPPROTO_TCP, 23), 1ULL << 63 | 2);
	assert_int_equal(port_mask(&t.ports, IPPROTO_UDP, 23), 0);
}

/* A prefix within another one of the same rule is redundant, and not in the tables. */
static void test_covered_prefix_is_left_out(void **unused)
{
	struct policy policy __cleanup_policy = { 0 };
	struct tables t __cleanup_tables = { 0 };

	put(&policy, 0, "10.0.0.0/8,10.1.0.0/16", "0.0.0.0/0,192.0.2.1", "22");
	assert_int_equal(tables_compile(&policy, &t), 0);
	assert_int_equal(t.dst.n, 1);
	assert_int_equal(t.src.n, 1);
}

static void test_all_ports(void **unused)
{
	struct policy policy __cleanup_policy = { 0 };
	struct policy back __cleanup_policy = { 0 };
	struct tables t __cleanup_tables = { 0 };

	put(&policy, 7, "all", "all", "1-65535");
	assert_int_equal(tables_compile(&policy, &t), 0);
	assert_int_equal(t.ports.n, 65535);
	assert_int_equal(t.ports.items[65534].port, 65535);
	assert_int_equal(tables_to_policy(&t, &back), 0);
	assert_int_equal(back.rules[7].services.n, 1);
	assert_int_equal(back.rules[7].services.items[0].range.first, 1);
	assert_int_equal(back.rules[7].services.items[0].range.last, 65535);
}

static const struct {
	const char *proxy;
	__u16 port;
	const char *v4, *v6; /* NULL: zero */
} proxies[] = {
	{ "relay", 0, NULL, NULL },
	{ "15002", 15002, "127.0.0.1", "::1" },
	{ "10.0.0.1:80", 80, "10.0.0.1", "::1" },
	{ "[2001:db8::1]:80", 80, "127.0.0.1", "2001:db8::1" },
};

static void test_rule_entries(void **unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(proxies); i++) {
		struct policy policy __cleanup_policy = { 0 };
		struct policy back __cleanup_policy = { 0 };
		struct tables t __cleanup_tables = { 0 };
		__u8 v4[4] = { 0 }, v6[16] = { 0 };
		char text[PROXY_TEXT_LEN];
		const char *why;

		put(&policy, 4, "all", "all", "22");
		policy.rules[4].on_down = TPROXY_ON_DOWN_RESET;
		policy.rules[4].unrouted = i % TPROXY_UNROUTED_MAX;
		assert_int_equal(policy_parse_proxy(proxies[i].proxy, &policy.rules[4].proxy, &why),
				 0);
		assert_int_equal(tables_compile(&policy, &t), 0);
		if (proxies[i].v4)
			inet_pton(AF_INET, proxies[i].v4, v4);
		if (proxies[i].v6)
			inet_pton(AF_INET6, proxies[i].v6, v6);
		assert_int_equal(t.rules[4].action, TPROXY_ACTION_PROXY);
		assert_int_equal(t.rules[4].on_down, TPROXY_ON_DOWN_RESET);
		assert_int_equal(t.rules[4].unrouted, i % TPROXY_UNROUTED_MAX);
		assert_int_equal(ntohs(t.rules[4].proxy_port), proxies[i].port);
		assert_memory_equal(t.rules[4].proxy4, v4, sizeof(v4));
		assert_memory_equal(t.rules[4].proxy6, v6, sizeof(v6));
		assert_string_equal((const char *)t.rules[4].name, "r4");
		assert_int_equal(t.rules[3].action, TPROXY_ACTION_NONE);
		assert_int_equal(tables_to_policy(&t, &back), 0);
		assert_int_equal(back.rules[4].unrouted, policy.rules[4].unrouted);
		assert_string_equal(proxy_format(&back.rules[4].proxy, text), proxies[i].proxy);
	}
}

static int stop_at_third(const struct tables_edit *edit, void *arg)
{
	return ++*(int *)arg == 3 ? -E2BIG : 0;
}

static void test_diff_stops(void **unused)
{
	struct policy policy __cleanup_policy = { 0 };
	struct tables empty __cleanup_tables = { 0 };
	struct tables t __cleanup_tables = { 0 };
	int calls = 0;

	put(&policy, 0, "all", "all", "22-23");
	assert_int_equal(tables_compile(&policy, &t), 0);
	assert_int_equal(tables_diff(&empty, &t, stop_at_third, &calls), -E2BIG);
	assert_int_equal(calls, 3);
}

/* Readers of maps append in any order, and keys may come twice. */
static void test_sort_merges(void **unused)
{
	struct tables t __cleanup_tables = { 0 };
	const struct prefix p = { AF_INET, 8, { 10 } }, q = { AF_INET, 8, { 9 } };

	assert_int_equal(prefix_table_append(&t.dst, &p, 1), 0);
	assert_int_equal(prefix_table_append(&t.dst, &q, 2), 0);
	assert_int_equal(prefix_table_append(&t.dst, &p, 4), 0);
	assert_int_equal(port_table_append(&t.ports, IPPROTO_UDP, 5, 1), 0);
	assert_int_equal(port_table_append(&t.ports, IPPROTO_TCP, 5, 2), 0);
	assert_int_equal(port_table_append(&t.ports, IPPROTO_UDP, 5, 4), 0);
	tables_sort(&t);
	assert_int_equal(t.dst.n, 2);
	assert_int_equal(t.dst.items[0].mask, 2);
	assert_int_equal(t.dst.items[1].mask, 5);
	assert_int_equal(t.src.n, 0);
	assert_int_equal(t.ports.n, 2);
	assert_int_equal(t.ports.items[0].mask, 2);
	assert_int_equal(t.ports.items[1].mask, 5);
}

static void test_map_names(void **unused)
{
	static const char *const names[TABLES_MAP_MAX] = { "dst4",  "dst6",   "src4", "src6",
							   "ports", "owners", "rules" };

	for (int i = 0; i < TABLES_MAP_MAX; i++)
		assert_string_equal(tables_map_names[i], names[i]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_masks_inherit),
		cmocka_unit_test(test_covered_prefix_is_left_out),
		cmocka_unit_test(test_all_ports),
		cmocka_unit_test(test_rule_entries),
		cmocka_unit_test(test_diff_stops),
		cmocka_unit_test(test_sort_merges),
		cmocka_unit_test(test_map_names),
	};

	return cmocka_run_group_tests_name("tables: facts", tests, NULL, NULL);
}
