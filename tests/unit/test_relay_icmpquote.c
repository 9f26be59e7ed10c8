/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP errors about UDP datagrams are read, everything else is refused, however it is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "address.h"
#include "lib/util.h"
#include "relay/net/icmpquote.h"

/* Headers with an option each, ICMP "fragmentation needed", MTU 1300. */
static const uint8_t error4[] = {
	0x46, 0,  0, 60,   0, 0, 0,    0, 64, 1,  0,    0,    10, 77,   1,    2,
	10,   77, 2, 2,    1, 1, 1,    0, 3,  4,  0,    0,    0,  0,    0x05, 0x14,
	0x46, 0,  5, 0xdc, 0, 1, 0x40, 0, 63, 17, 0,    0,    10, 77,   2,    2,
	10,   77, 1, 2,    1, 1, 1,    0, 0,  53, 0x13, 0x89, 5,  0xc4, 0,    0,
};
#define QUOTED4 32

/* "Packet too big", MTU 1280; the quote has hop-by-hop options and a fragment header. */
static const uint8_t error6[] = {
	2, 0, 0,  0, 0, 0, 0x05, 0x00, 0x60, 0, 0, 0,  0,    24,   0,    63,   0xfd, 0x77,
	0, 2, 0,  0, 0, 0, 0,    0,    0,    0, 0, 0,  0,    2,    0xfd, 0x77, 0,    1,
	0, 0, 0,  0, 0, 0, 0,    0,    0,    0, 0, 2,  44,   0,    1,    4,    0,    0,
	0, 0, 17, 0, 0, 1, 0,    0,    0,    9, 0, 53, 0x13, 0x89, 5,    0xc4, 0,    0,
};
#define QUOTED6 8
#define HOP_BY_HOP 48
#define FRAGMENT 56

static void test_ipv4(void **state)
{
	union saddr src = address("10.77.2.2", 53), dst = address("10.77.1.2", 5001);
	struct icmp_quote q;

	(void)state;
	assert_true(icmp_quote_read(AF_INET, error4, sizeof(error4), &q));
	assert_int_equal(q.type, 3);
	assert_int_equal(q.code, 4);
	assert_int_equal(q.mtu, 1300);
	assert_true(saddr_equal(&q.src, &src));
	assert_true(saddr_equal(&q.dst, &dst));
}

static void test_ipv6(void **state)
{
	union saddr src = address("fd77:2::2", 53), dst = address("fd77:1::2", 5001);
	struct icmp_quote q;

	(void)state;
	assert_true(icmp_quote_read(AF_INET6, error6, sizeof(error6), &q));
	assert_int_equal(q.type, 2);
	assert_int_equal(q.mtu, 1280);
	assert_true(saddr_equal(&q.src, &src));
	assert_true(saddr_equal(&q.dst, &dst));
}

/* In memory of exactly that length, so that the sanitizer sees what is read after the end. */
static bool read_exactly(sa_family_t family, const uint8_t *data, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);
	struct icmp_quote q;
	bool good;

	memcpy(exact, data, len);
	good = icmp_quote_read(family, exact, len, &q);
	free(exact);
	return good;
}

static void test_cut(void **state)
{
	(void)state;
	/* the ports are enough; length and checksum of the datagram are not needed */
	for (size_t len = 0; len <= sizeof(error4); len++)
		assert_int_equal(read_exactly(AF_INET, error4, len), len >= sizeof(error4) - 4);
	for (size_t len = 0; len <= sizeof(error6); len++)
		assert_int_equal(read_exactly(AF_INET6, error6, len), len >= sizeof(error6) - 4);
}

static bool with_byte(sa_family_t family, size_t at, uint8_t value)
{
	uint8_t copy[sizeof(error6) + sizeof(error4)];
	size_t len = family == AF_INET ? sizeof(error4) : sizeof(error6);

	memcpy(copy, family == AF_INET ? error4 : error6, len);
	copy[at] = value;
	return read_exactly(family, copy, len);
}

static void test_nonsense(void **state)
{
	(void)state;
	assert_false(with_byte(AF_INET, 0, 0x66)); /* another version */
	assert_false(with_byte(AF_INET, 0, 0x44)); /* a header shorter than itself */
	assert_false(with_byte(AF_INET, 0, 0x4f)); /* one longer than the packet */
	assert_false(with_byte(AF_INET, 24, 0));   /* echo reply */
	assert_false(with_byte(AF_INET, 24, 5));   /* redirect */
	assert_false(with_byte(AF_INET, QUOTED4, 0x44));
	assert_false(with_byte(AF_INET, QUOTED4, 0x4f));
	assert_false(with_byte(AF_INET, QUOTED4 + 7, 1)); /* a later fragment */
	assert_false(with_byte(AF_INET, QUOTED4 + 9, 6)); /* TCP */
	assert_false(with_byte(AF_INET6, 0, 0));
	assert_false(with_byte(AF_INET6, 0, 128)); /* echo request */
	assert_false(with_byte(AF_INET6, QUOTED6, 0x40));
	assert_false(with_byte(AF_INET6, QUOTED6 + 6, 6));
	assert_false(with_byte(AF_INET6, HOP_BY_HOP, 59));      /* no next header */
	assert_false(with_byte(AF_INET6, HOP_BY_HOP + 1, 255)); /* longer than the packet */
	assert_false(with_byte(AF_INET6, FRAGMENT + 2, 1));     /* a later fragment */
	assert_false(with_byte(AF_INET6, FRAGMENT, 44));
}

/* What anybody may send; the sanitizer looks for reads after the end. */
static void test_noise(void **state)
{
	uint8_t copy[sizeof(error6) + sizeof(error4)];

	(void)state;
	srand(1);
	for (int i = 0; i < 200000; i++) {
		bool v4 = i & 1;
		size_t len = v4 ? sizeof(error4) : sizeof(error6);

		memcpy(copy, v4 ? error4 : error6, len);
		for (int n = 0; n < 3; n++)
			copy[(size_t)rand() % len] = (uint8_t)rand();
		read_exactly(v4 ? AF_INET : AF_INET6, copy, (size_t)rand() % (len + 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),  cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_cut),   cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
