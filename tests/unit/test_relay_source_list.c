/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of source addresses: what is accepted, and which address a destination gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "address.h"
#include "relay/config/source.h"

static struct source parsed(const char *text)
{
	struct source source;
	const char *why;

	assert_int_equal(source_parse(text, &source, &why), 0);
	return source;
}

static void test_modes(void **state)
{
	(void)state;
	assert_int_equal(parsed("own").mode, SOURCE_OWN);
	assert_int_equal(parsed("client-ip").mode, SOURCE_CLIENT_IP);
	assert_int_equal(parsed("client-ip-port").mode, SOURCE_CLIENT_IP_PORT);
	assert_int_equal(parsed("10.0.0.1").mode, SOURCE_LIST);
	assert_int_equal(parsed("10.0.0.1, 10.1.0.0/28\tfd00::/64").count, 3);
	/* One form for one address. */
	assert_int_equal(parsed("::ffff:10.0.0.1").addresses[0].family, AF_INET);
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"mine",
		",",
		"own,10.0.0.1",
		"10.0.0.1,own",
		"10.0.0.1/24",
		"127.0.0.1",
		"0.0.0.0/0",
		"224.0.0.1",
		"fe80::1",
		"ff02::1",
		"::1",
		"::",
		"10.0.0.300",
		"10.0.0.1 10.0.0.1",
	};
	struct source source;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_not_equal(source_parse(texts[i], &source, &why), 0);
}

/* All that a destination is offered, in order, as text. */
static void expect_offers(const char *list, const char *dst, unsigned int count)
{
	struct source source = parsed(list);
	union saddr to = address(dst, 80), other = address(dst, 443);
	struct source_offer offer, again;
	union saddr seen[16];
	unsigned int n = 0, m = 0, found = 0;

	while (source_offer_next(&source, &to, &n, &offer)) {
		assert_true(source_offer_next(&source, &other, &m, &again));
		assert_true(saddr_equal(&offer.addr, &again.addr));
		assert_int_equal(offer.addr.sa.sa_family, to.sa.sa_family);
		for (unsigned int i = 0; i < found; i++)
			assert_false(saddr_equal(&seen[i], &offer.addr));
		seen[found++] = offer.addr;
	}
	assert_int_equal(found, count);
}

static void test_offers(void **state)
{
	(void)state;
	expect_offers("10.0.0.1,10.0.0.2,10.0.0.3", "192.0.2.1", 3);
	expect_offers("10.0.0.1,10.0.0.2,fd00::1", "2001:db8::1", 1);
	expect_offers("fd00::1", "192.0.2.1", 0);
	expect_offers("10.0.0.0/28", "192.0.2.1", 4);
	expect_offers("fd00::/64", "2001:db8::1", 4);
	expect_offers("10.0.0.0/28,10.9.9.9", "192.0.2.1", 5);
}

static void test_spread(void **state)
{
	struct source source = parsed("10.0.0.0/30");
	bool seen[4] = { false };

	(void)state;
	for (uint8_t i = 1; i < 100; i++) {
		union saddr to = saddr_from(AF_INET, (uint8_t[]){ 192, 0, 2, i }, 80);
		struct source_offer offer;
		unsigned int n = 0;

		assert_true(source_offer_next(&source, &to, &n, &offer));
		assert_true(offer.routed);
		seen[ntohl(offer.addr.v4.sin_addr.s_addr) & 3] = true;
	}
	/* Neither the address of the network nor that of broadcasts. */
	assert_false(seen[0]);
	assert_true(seen[1] && seen[2]);
	assert_false(seen[3]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
