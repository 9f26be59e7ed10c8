/* SPDX-License-Identifier: BSD-2-Clause */
/* Which flows a request names, the totals and rates of a list, and values as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "lib/flows/list.h"
#include "lib/flows/match.h"
#include "lib/flows/values.h"
#include "lib/util.h"

static struct flows_address address(const char *text, uint16_t port)
{
	struct flows_address a = { .family = strchr(text, ':') ? AF_INET6 : AF_INET, .port = port };

	assert_int_equal(inet_pton(a.family, text, a.addr), 1);
	return a;
}

static struct prefix prefix(const char *text)
{
	struct prefix p;
	const char *why;

	assert_int_equal(parse_prefix(text, &p, &why), 0);
	return p;
}

static struct flows_record record(uint64_t id, const char *client, const char *dst)
{
	return (struct flows_record){ .id = id,
				      .proto = IPPROTO_TCP,
				      .client = address(client, 40000),
				      .dst = address(dst, 22) };
}

/* ---- match -------------------------------------------------------------- */

static void by_each_field(void **state)
{
	const struct flows_record r = record(17, "2001:db8::1", "2001:db8:1::1");
	struct flows_filter f = { 0 };

	assert_true(flows_filter_is_empty(&f));
	assert_true(flows_match(&f, &r));
	f = (struct flows_filter){ .id = 17 };
	assert_true(flows_match(&f, &r) && !flows_filter_is_empty(&f));
	f = (struct flows_filter){ .id = 18 };
	assert_false(flows_match(&f, &r));
	f = (struct flows_filter){ .proto = IPPROTO_UDP };
	assert_false(flows_match(&f, &r));
	f = (struct flows_filter){ .client = prefix("2001:db8::/64") };
	assert_true(flows_match(&f, &r));
	f = (struct flows_filter){ .client = prefix("2001:db8:1::/64") };
	assert_false(flows_match(&f, &r));
	f = (struct flows_filter){ .client = prefix("::/0") };
	assert_true(flows_match(&f, &r));
	f = (struct flows_filter){ .client = prefix("0.0.0.0/0") };
	assert_false(flows_match(&f, &r));
	f = (struct flows_filter){ .destination = prefix("2001:db8:1::1"), .destination_port = 22 };
	assert_true(flows_match(&f, &r));
	f.destination_port = 23;
	assert_false(flows_match(&f, &r));
}

static void destination_or_server(void **state)
{
	struct flows_record r = record(1, "192.0.2.1", "192.0.2.2");
	const struct flows_filter f = { .destination = prefix("10.0.0.0/8"),
					.destination_port = 2222 };

	assert_false(flows_match(&f, &r));
	r.server = address("10.1.2.3", 2222);
	assert_true(flows_match(&f, &r));
	r.server.port = 22;
	assert_false(flows_match(&f, &r));
}

/* A request may come with any bytes. */
static void odd_prefixes(void **state)
{
	const struct flows_record r = record(1, "192.0.2.1", "192.0.2.2");
	struct flows_filter f = { .client = { .family = AF_INET, .len = 255 } };

	assert_false(flows_match(&f, &r));
	f.client = (struct prefix){ .family = 99, .len = 0 };
	assert_false(flows_match(&f, &r));
}

/* ---- lists -------------------------------------------------------------- */

static struct flow_entry entry(struct flows_record r, uint64_t up, uint64_t down)
{
	r.bytes_up = up;
	r.bytes_down = down;
	return (struct flow_entry){ .record = r };
}

static void totals(void **state)
{
	struct flow_entry items[] = {
		entry(record(1, "192.0.2.1", "10.0.0.1"), 1, 2),
		entry(record(2, "192.0.2.1", "10.0.0.2"), 10, 20),
		entry(record(3, "192.0.2.2", "10.0.0.1"), 100, 200),
		entry(record(4, "2001:db8::1", "2001:db8::2"), 1000, 0),
	};
	struct flow_list list = { .items = items, .n = ARRAY_SIZE(items) };
	const struct flow_rule ssh = { "ssh", "proxy" };
	struct flow_totals t;

	items[3].rule = &ssh;
	items[1].record.client.port = 40001;
	assert_int_equal(flow_totals_make(&list, FLOWS_CLIENT, &t), 0);
	assert_int_equal(t.n, 3);
	assert_int_equal(t.items[0].bytes_up, 1000);
	assert_int_equal(t.items[2].flows, 2);
	assert_int_equal(t.items[2].bytes_down, 22);
	flow_totals_free(&t);
	assert_int_equal(flow_totals_make(&list, FLOWS_DESTINATION, &t), 0);
	assert_int_equal(t.n, 3);
	assert_int_equal(t.items[1].flows, 2);
	assert_int_equal(t.items[1].bytes_up, 101);
	flow_totals_free(&t);
	assert_int_equal(flow_totals_make(&list, FLOWS_RULE, &t), 0);
	assert_int_equal(t.n, 2);
	assert_ptr_equal(t.items[0].first->rule, &ssh);
	assert_null(t.items[1].first->rule);
	flow_totals_free(&t);
	assert_int_equal(flow_totals_make(&list, FLOWS_TOTAL, &t), 0);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.items[0].flows, 4);
	assert_int_equal(t.items[0].bytes_up, 1111);
	flow_totals_free(&t);
}

static void totals_of_nothing(void **state)
{
	struct flow_list list = { .n = 0 };
	struct flow_totals t;

	assert_int_equal(flow_totals_make(&list, FLOWS_CLIENT, &t), 0);
	assert_int_equal(t.n, 0);
	flow_totals_free(&t);
	assert_int_equal(flow_totals_make(&list, FLOWS_TOTAL, &t), 0);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.items[0].flows, 0);
	flow_totals_free(&t);
}

/* One flow is in both, one has ended, one has begun; the other relay has a flow of the same id. */
static void rates_of_two_samples(void **state)
{
	struct flow_entry before[] = { entry(record(2, "192.0.2.1", "10.0.0.1"), 1000, 0),
				       entry(record(1, "192.0.2.1", "10.0.0.1"), 5, 5) };
	struct flow_entry after[] = { entry(record(3, "192.0.2.1", "10.0.0.1"), 0, 600),
				      entry(record(2, "192.0.2.1", "10.0.0.1"), 5000, 2),
				      entry(record(2, "192.0.2.1", "10.0.0.1"), 8, 0) };
	struct flow_list earlier = { .items = before, .n = 2 }, list = { .items = after, .n = 3 };

	after[2].relay = 1;
	flow_list_sample(&list, &earlier, 2000);
	assert_int_equal(list.sampled_ms, 2000);
	flow_list_sort(&list, FLOWS_BY_RATE);
	assert_int_equal(after[0].rate_up, 2000);
	assert_int_equal(after[0].rate_down, 1);
	assert_int_equal(after[1].record.id, 3);
	assert_int_equal(after[1].rate_down, 300);
	assert_int_equal(after[2].rate_up, 4);
}

/* Rates are a second's, also of half a second. */
static void rates_of_half_a_second(void **state)
{
	struct flow_entry before = entry(record(1, "192.0.2.1", "10.0.0.1"), 1000, 0);
	struct flow_entry after = entry(record(1, "192.0.2.1", "10.0.0.1"), 1600, 10);
	struct flow_list earlier = { .items = &before, .n = 1 }, list = { .items = &after, .n = 1 };

	flow_list_sample(&list, &earlier, 500);
	assert_int_equal(after.rate_up, 1200);
	assert_int_equal(after.rate_down, 20);
}

/* A relay that starts again gives another flow the same id. */
static void rates_after_a_restart(void **state)
{
	struct flow_entry before[] = { entry(record(1, "192.0.2.1", "10.0.0.1"), 1000, 0),
				       entry(record(2, "192.0.2.1", "10.0.0.1"), 10, 0) };
	struct flow_entry after[] = { entry(record(1, "192.0.2.1", "10.0.0.1"), 600, 0),
				      entry(record(2, "192.0.2.1", "10.0.0.1"), 60, 0) };
	struct flow_list earlier = { .items = before, .n = 2 }, list = { .items = after, .n = 2 };

	before[1].record.age_ms = 5000;
	after[1].record.age_ms = 100;
	flow_list_sample(&list, &earlier, 1000);
	assert_int_equal(after[0].rate_up, 600);
	assert_int_equal(after[1].rate_up, 60);
}

/* A relay did not answer to the earlier question. */
static void rates_of_a_flow_that_was_away(void **state)
{
	struct flow_entry after = entry(record(1, "192.0.2.1", "10.0.0.1"), 1000000, 0);
	struct flow_list earlier = { .n = 0 }, list = { .items = &after, .n = 1 };

	after.record.age_ms = 100000;
	after.rate_up = 10000;
	flow_list_sample(&list, &earlier, 1000);
	assert_int_equal(after.rate_up, 10000);
}

static void orders(void **state)
{
	struct flow_entry items[] = { entry(record(1, "192.0.2.1", "10.0.0.1"), 5, 5),
				      entry(record(2, "192.0.2.1", "10.0.0.1"), 20, 0) };
	struct flow_list list = { .items = items, .n = 2 };

	items[0].record.age_ms = 1000;
	flow_list_sort(&list, FLOWS_BY_BYTES);
	assert_int_equal(items[0].record.id, 2);
	flow_list_sort(&list, FLOWS_BY_AGE);
	assert_int_equal(items[0].record.id, 1);
}

/* ---- text --------------------------------------------------------------- */

static void values(void **state)
{
	char text[FLOWS_TEXT_LEN];
	struct flows_address a = address("fe80::1", 53);

	assert_string_equal(flows_amount_text(0, text), "0");
	assert_string_equal(flows_amount_text(999, text), "999");
	assert_string_equal(flows_amount_text(1000, text), "1.0k");
	assert_string_equal(flows_amount_text(9960, text), "10k");
	assert_string_equal(flows_amount_text(999499, text), "999k");
	assert_string_equal(flows_amount_text(999500, text), "1.0M");
	assert_string_equal(flows_amount_text(UINT64_MAX, text), "18E");
	assert_string_equal(flows_time_text(0, text), "0.0s");
	assert_string_equal(flows_time_text(9999, text), "9.9s");
	assert_string_equal(flows_time_text(61000, text), "1m01s");
	assert_string_equal(flows_time_text(3 * 3600000 + 60000, text), "3h01m");
	assert_string_equal(flows_time_text(49 * 3600000ULL, text), "2d01h");
	a.scope = 7;
	assert_string_equal(flows_address_text(&a, text), "[fe80::1%7]:53");
	a = address("10.0.0.1", 80);
	assert_string_equal(flows_address_text(&a, text), "10.0.0.1:80");
	a.family = 0;
	assert_string_equal(flows_address_text(&a, text), "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_each_field),
		cmocka_unit_test(destination_or_server),
		cmocka_unit_test(odd_prefixes),
		cmocka_unit_test(totals),
		cmocka_unit_test(totals_of_nothing),
		cmocka_unit_test(rates_of_two_samples),
		cmocka_unit_test(rates_of_half_a_second),
		cmocka_unit_test(rates_after_a_restart),
		cmocka_unit_test(rates_of_a_flow_that_was_away),
		cmocka_unit_test(orders),
		cmocka_unit_test(values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
