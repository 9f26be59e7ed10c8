/* SPDX-License-Identifier: BSD-2-Clause */
/* Sections [egress]: which one a flow matches, and which upstream it takes. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "address.h"
#include "relay/upstream/health.h"

#define FIRST "socks5://192.0.2.1:1080"
#define SECOND "http://192.0.2.2:3128"

static void set(struct egress_list *list, const char *key, const char *value)
{
	const char *why;

	assert_int_equal(egress_set(list, key, value, &why), 0);
	if (egress_is_list(key))
		assert_int_equal(egress_add(list, key, value, &why), 0);
}

static void begin(struct egress_list *list, const char *name)
{
	const char *why;

	assert_int_equal(egress_begin(list, name, &why), 0);
}

static void complete(struct egress_list *list, const char *urls)
{
	struct source own = { 0 };
	struct upstreams upstreams = { 0 };
	const char *why;

	assert_int_equal(upstreams_parse(urls, &upstreams, &why), 0);
	egress_complete(list, &own, &upstreams);
}

static const char *found(struct egress_list *list, const char *client, const char *dst)
{
	union saddr from = address(client, 1), to = address(dst, 80);

	return egress_find(list, &from, &to)->name;
}

static void test_first_match(void **state)
{
	struct egress_list list = { 0 };
	const char *why;

	(void)state;
	begin(&list, "a");
	set(&list, "to", "10.0.0.0/8");
	set(&list, "from", "172.16.0.0/12");
	begin(&list, "b");
	set(&list, "to", "10.0.0.0/8");
	begin(&list, "never");
	assert_int_equal(egress_set(&list, "to", "@empty", &why), 0);
	begin(&list, "c");
	set(&list, "from", "2001:db8::/32");
	assert_string_equal(found(&list, "172.16.0.1", "10.0.0.1"), "a");
	assert_string_equal(found(&list, "172.15.0.1", "10.0.0.1"), "b");
	assert_string_equal(found(&list, "172.16.0.1", "11.0.0.1"), "");
	assert_string_equal(found(&list, "2001:db8::1", "2001::1"), "c");
	egress_free(&list);
}

static void test_defaults(void **state)
{
	struct egress_list list = { 0 };

	(void)state;
	begin(&list, "a");
	set(&list, "source", "10.0.0.1");
	begin(&list, "b");
	set(&list, "upstream", "direct");
	set(&list, "check", "3");
	complete(&list, FIRST " " SECOND);
	assert_int_equal(list.items[0].outlet.source.mode, SOURCE_LIST);
	assert_int_equal(list.items[0].upstreams.count, 2);
	assert_int_equal(list.items[0].upstreams.check, UPSTREAMS_CHECK_DEFAULT_S);
	assert_int_equal(list.items[1].outlet.source.mode, SOURCE_OWN);
	assert_int_equal(list.items[1].upstreams.count, 1);
	assert_int_equal(list.items[1].upstreams.check, 3);
	assert_int_equal(list.other.upstreams.count, 2);
	egress_free(&list);
}

static const char *chosen(struct egress *e, int proto, uint64_t now)
{
	static char text[UPSTREAMS_TEXT_LEN];
	const char *reason;
	const struct proxy *proxy = health_choose(e, proto, now, &reason);

	return proxy ? upstreams_format(proxy, text) : reason;
}

static void test_next_upstream(void **state)
{
	struct egress_list list = { 0 };
	struct egress *e = &list.other;

	(void)state;
	complete(&list, FIRST " " SECOND);
	e->upstreams.check = 0;
	assert_string_equal(chosen(e, IPPROTO_TCP, 1000), FIRST);
	/* Errors of this host do not count. */
	assert_false(health_failed(e, &e->upstreams.items[0].proxy, EMFILE, 1000));
	assert_false(health_failed(e, &e->upstreams.items[0].proxy, EADDRNOTAVAIL, 1000));
	assert_string_equal(chosen(e, IPPROTO_TCP, 1000), FIRST);
	assert_true(health_failed(e, &e->upstreams.items[0].proxy, ECONNREFUSED, 1000));
	assert_string_equal(chosen(e, IPPROTO_TCP, 1000), SECOND);
	assert_string_equal(chosen(e, IPPROTO_UDP, 1000), "upstream-down");
	assert_true(health_failed(e, &e->upstreams.items[1].proxy, ETIMEDOUT, 1000));
	assert_string_equal(chosen(e, IPPROTO_TCP, 1000), "upstream-down");
	/* Without checks, time tells. */
	assert_string_equal(chosen(e, IPPROTO_TCP, 1000 + HEALTH_RETRY_MS), FIRST);
	health_works(e, &e->upstreams.items[1].proxy);
	assert_string_equal(chosen(e, IPPROTO_TCP, 1000), SECOND);
}

static void test_checked_upstream(void **state)
{
	struct egress_list list = { 0 }, next = { 0 };
	struct egress *e = &list.other;

	(void)state;
	complete(&list, FIRST " direct");
	complete(&next, SECOND " " FIRST " direct");
	assert_true(health_failed(e, &e->upstreams.items[0].proxy, ECONNREFUSED, 1000));
	assert_string_equal(chosen(e, IPPROTO_TCP, UINT64_MAX - 1), "direct");
	/* The same upstream is known to be down after SIGHUP. */
	health_inherit(&next, &list);
	assert_true(health_failed(&next.other, &next.other.upstreams.items[0].proxy, ETIMEDOUT, 1));
	assert_string_equal(chosen(&next.other, IPPROTO_TCP, 1), "direct");
	health_works(e, &e->upstreams.items[0].proxy);
	assert_string_equal(chosen(e, IPPROTO_TCP, 1000), FIRST);
}

/* There is nothing to choose, so each flow finds out for itself. */
static void test_one_upstream(void **state)
{
	struct egress_list list = { 0 };
	struct egress *e = &list.other;

	(void)state;
	complete(&list, SECOND);
	assert_false(health_failed(e, &e->upstreams.items[0].proxy, ECONNREFUSED, 1000));
	assert_string_equal(chosen(e, IPPROTO_TCP, 1000), SECOND);
	assert_string_equal(chosen(e, IPPROTO_UDP, 1000), "no-udp-upstream");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_match),   cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_next_upstream), cmocka_unit_test(test_checked_upstream),
		cmocka_unit_test(test_one_upstream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
