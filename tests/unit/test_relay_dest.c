/* SPDX-License-Identifier: BSD-2-Clause */
/* Which original destinations the relay refuses, and for which reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "address.h"
#include "lib/util.h"
#include "relay/admit/dest.h"
#include "relay/net/localaddr.h"

#define OWN_PORT 15002

static struct port_set own;

static enum dest_verdict check(const char *text, uint16_t port, enum local_kind kind,
			       unsigned int allowed)
{
	union saddr a = address(text, port);

	return dest_check(&a, kind, &own, allowed);
}

static const struct {
	const char *text;
	enum local_kind kind;
	enum dest_verdict expected;
} table[] = {
	{ "192.0.2.1", LOCAL_NONE, DEST_OK },
	{ "2001:db8::1", LOCAL_NONE, DEST_OK },
	{ "0.0.0.0", LOCAL_NONE, DEST_UNSPECIFIED },
	{ "0.1.2.3", LOCAL_NONE, DEST_UNSPECIFIED },
	{ "::", LOCAL_NONE, DEST_UNSPECIFIED },
	{ "127.0.0.1", LOCAL_ADDRESS, DEST_LOOPBACK },
	{ "127.255.255.254", LOCAL_NONE, DEST_LOOPBACK },
	{ "::1", LOCAL_ADDRESS, DEST_LOOPBACK },
	{ "128.0.0.1", LOCAL_NONE, DEST_OK },
	{ "169.254.1.1", LOCAL_NONE, DEST_LINK_LOCAL },
	{ "169.254.169.254", LOCAL_NONE, DEST_LINK_LOCAL },
	{ "169.255.0.0", LOCAL_NONE, DEST_OK },
	{ "169.253.255.255", LOCAL_NONE, DEST_OK },
	{ "fe80::1", LOCAL_NONE, DEST_LINK_LOCAL },
	{ "febf::1", LOCAL_NONE, DEST_LINK_LOCAL },
	{ "fec0::1", LOCAL_NONE, DEST_OK },
	{ "224.0.0.1", LOCAL_NONE, DEST_MULTICAST },
	{ "239.255.255.255", LOCAL_NONE, DEST_MULTICAST },
	{ "240.0.0.1", LOCAL_NONE, DEST_OK },
	{ "240.1.2.3", LOCAL_NONE, DEST_OK },
	{ "255.255.255.254", LOCAL_NONE, DEST_OK },
	{ "ff02::1", LOCAL_NONE, DEST_MULTICAST },
	{ "255.255.255.255", LOCAL_NONE, DEST_BROADCAST },
	{ "10.0.0.255", LOCAL_BROADCAST, DEST_BROADCAST },
	{ "10.0.0.1", LOCAL_ADDRESS, DEST_ROUTER },
	{ "2001:db8::2", LOCAL_ADDRESS, DEST_ROUTER },
};

static void test_defaults(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (check(table[i].text, 22, table[i].kind, 0) != table[i].expected)
			fail_msg("%s", table[i].text);
}

static void test_allow_local(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (check(table[i].text, 22, table[i].kind, DEST_ALLOW_LOCAL) != DEST_OK)
			fail_msg("%s", table[i].text);
}

/* It does not concern other addresses, nor those of this host. */
static void test_allow_link_local(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		union saddr a = address(table[i].text, 22);
		bool lifted = table[i].expected == DEST_LINK_LOCAL && a.sa.sa_family == AF_INET;

		if (check(table[i].text, 22, table[i].kind, DEST_ALLOW_LINK_LOCAL) !=
		    (lifted ? DEST_OK : table[i].expected))
			fail_msg("%s", table[i].text);
	}
	assert_int_equal(check("169.254.1.1", 22, LOCAL_ADDRESS, DEST_ALLOW_LINK_LOCAL),
			 DEST_ROUTER);
	assert_int_equal(check("169.254.1.255", 22, LOCAL_BROADCAST, DEST_ALLOW_LINK_LOCAL),
			 DEST_BROADCAST);
	assert_int_equal(check("169.254.1.1", OWN_PORT, LOCAL_ADDRESS, DEST_ALLOW_LINK_LOCAL),
			 DEST_OWN_LISTENER);
}

static void test_own_listener(void **state)
{
	static const char *const here[] = { "127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(here); i++) {
		assert_int_equal(check(here[i], OWN_PORT, LOCAL_NONE, 0), DEST_OWN_LISTENER);
		assert_int_equal(check(here[i], OWN_PORT, LOCAL_NONE, DEST_ALLOW_LOCAL),
				 DEST_OWN_LISTENER);
	}
	assert_int_equal(check("10.0.0.1", OWN_PORT, LOCAL_ADDRESS, DEST_ALLOW_LOCAL),
			 DEST_OWN_LISTENER);
	assert_int_equal(check("2001:db8::2", OWN_PORT, LOCAL_ADDRESS, 0), DEST_OWN_LISTENER);
	/* The same port on another machine is no listener of ours. */
	assert_int_equal(check("192.0.2.1", OWN_PORT, LOCAL_NONE, 0), DEST_OK);
}

static void test_every_refusal_has_a_reason(void **state)
{
	(void)state;
	assert_null(dest_reasons[DEST_OK]);
	for (int i = DEST_OK + 1; i < DEST_MAX; i++)
		assert_non_null(dest_reasons[i]);
}

static void test_local_addresses(void **state)
{
	union saddr loopback4 = address("127.0.0.1", 1);
	union saddr foreign = address("192.0.2.77", 1);
	struct local_set set = { 0 };
	struct local_reader reader;

	(void)state;
	assert_int_equal(local_reader_open(&reader), 0);
	assert_int_equal(local_read(&reader, &set), 0);
	assert_int_equal(local_read(&reader, &set), 0);
	/* A fresh network namespace may have lo without addresses. */
	if (set.own.n) {
		assert_int_equal(local_lookup(&set, &loopback4), LOCAL_ADDRESS);
		assert_true(local_is_on(&set, &loopback4, 1));
		assert_false(local_is_on(&set, &loopback4, 9999));
	}
	assert_int_equal(local_lookup(&set, &foreign), LOCAL_NONE);
	local_free(&set);
	local_reader_close(&reader);
	assert_int_equal(local_lookup(&set, &loopback4), LOCAL_NONE);
}

static void test_addresses(void **state)
{
	union saddr a = address("2001:db8::1", 443), b = a;
	char text[SADDR_TEXT_LEN];

	(void)state;
	assert_string_equal(saddr_format(&a, text), "[2001:db8::1]:443");
	assert_true(saddr_equal(&a, &b));
	assert_int_equal(saddr_hash(&a, 7), saddr_hash(&b, 7));
	b.v6.sin6_scope_id = 3;
	assert_false(saddr_equal(&a, &b));
	assert_string_equal(saddr_format(&b, text), "[2001:db8::1%3]:443");
	a = address("10.0.0.1", 53);
	assert_false(saddr_equal(&a, &b));
	assert_string_equal(saddr_format(&a, text), "10.0.0.1:53");
	assert_string_equal(saddr_format_host(&a, text), "10.0.0.1");
	b = saddr_loopback(AF_INET6, 80);
	assert_string_equal(saddr_format(&b, text), "[::1]:80");
}

/* IPv4-mapped addresses become IPv4 where they enter, and no others. */
static void test_mapped(void **state)
{
	static const struct {
		const char *text, *expected;
		bool mapped;
	} enter[] = {
		{ "::ffff:10.0.0.1", "10.0.0.1:7", true },
		{ "::ffff:0.0.0.0", "0.0.0.0:7", true },
		{ "::ffff:255.255.255.255", "255.255.255.255:7", true },
		{ "::10.0.0.1", "[::10.0.0.1]:7", false },
		{ "::fffe:10.0.0.1", "[::fffe:a00:1]:7", false },
		{ "::ffff:0:10.0.0.1", "[::ffff:0:a00:1]:7", false },
		{ "64:ff9b::10.0.0.1", "[64:ff9b::a00:1]:7", false },
	};
	const union saddr v4 = address("10.0.0.1", 7);
	char text[SADDR_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(enter); i++) {
		union saddr raw = address(enter[i].text, 7);
		union saddr a = saddr_from(AF_INET6, &raw.v6.sin6_addr, 7);

		assert_int_equal(saddr_is_mapped(&raw), enter[i].mapped);
		assert_false(saddr_is_mapped(&a));
		assert_string_equal(saddr_format(&a, text), enter[i].expected);
	}
	assert_false(saddr_is_mapped(&v4));
	assert_string_equal(saddr_format(&v4, text), "10.0.0.1:7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_allow_local),
		cmocka_unit_test(test_allow_link_local),
		cmocka_unit_test(test_own_listener),
		cmocka_unit_test(test_every_refusal_has_a_reason),
		cmocka_unit_test(test_local_addresses),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_mapped),
	};

	port_set_add(&own, OWN_PORT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
