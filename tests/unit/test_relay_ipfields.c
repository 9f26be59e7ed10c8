/* SPDX-License-Identifier: BSD-2-Clause */
/* Fields that follow from a datagram's control messages, and the memory of narrow paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/udp.h>

#include "address.h"
#include "lib/util.h"
#include "relay/net/ipfields.h"
#include "relay/udp/path.h"

#define MARK 0x1000000u
#define DF_MARK 0x2000000u

static void test_df(void **state)
{
	static const struct {
		sa_family_t family;
		uint32_t mark;
		bool fragmented;
		uint64_t mark_bits; /* that the relay knows */
		enum df want;
	} cases[] = {
		{ AF_INET, MARK | DF_MARK, false, (uint64_t)MARK << 32 | DF_MARK, DF_FORBIDDEN },
		{ AF_INET, MARK, false, (uint64_t)MARK << 32 | DF_MARK, DF_ALLOWED },
		{ AF_INET, MARK | DF_MARK, true, (uint64_t)MARK << 32 | DF_MARK, DF_ALLOWED },
		/* the data path did not see it: the mark of another program has the bit */
		{ AF_INET, DF_MARK, false, (uint64_t)MARK << 32 | DF_MARK, DF_UNKNOWN },
		{ AF_INET, 0, false, (uint64_t)MARK << 32 | DF_MARK, DF_UNKNOWN },
		{ AF_INET, 0, true, (uint64_t)MARK << 32 | DF_MARK, DF_ALLOWED },
		/* the marks are not known yet, or the data path has no second one */
		{ AF_INET, MARK | DF_MARK, false, 0, DF_UNKNOWN },
		{ AF_INET, MARK, false, (uint64_t)MARK << 32, DF_UNKNOWN },
		{ AF_INET6, 0, false, 0, DF_FORBIDDEN },
		{ AF_INET6, MARK, false, (uint64_t)MARK << 32 | DF_MARK, DF_FORBIDDEN },
		{ AF_INET6, 0, true, 0, DF_ALLOWED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ip_fields_reading r = { .mark = cases[i].mark,
					       .fragmented = cases[i].fragmented };

		assert_int_equal(ip_fields_result(&r, cases[i].family, cases[i].mark_bits).df,
				 cases[i].want);
	}
}

static void test_ttl(void **state)
{
	struct ip_fields_reading r = { 0 };

	(void)state;
	assert_int_equal(ip_fields_result(&r, AF_INET, 0).ttl, 0); /* not known */
	r.has_ttl = true;
	assert_int_equal(ip_fields_result(&r, AF_INET, 0).ttl, 1); /* it ends here in any case */
	r.ttl = 255;
	r.tos = 0xb9;
	assert_int_equal(ip_fields_result(&r, AF_INET6, 0).ttl, 255);
	assert_int_equal(ip_fields_result(&r, AF_INET6, 0).tos, 0xb9);
}

static void read_int(struct ip_fields_reading *r, int level, int type, int value)
{
	_Alignas(8) char buf[CMSG_SPACE(sizeof(int))] = { 0 };
	struct cmsghdr *c = (struct cmsghdr *)buf;

	*c = (struct cmsghdr){ CMSG_LEN(sizeof(int)), level, type };
	memcpy(CMSG_DATA(c), &value, sizeof(value));
	ip_fields_read(r, c);
}

static void test_messages(void **state)
{
	struct ip_fields_reading r = { 0 };

	(void)state;
	read_int(&r, SOL_IP, IP_TTL, 7);
	read_int(&r, SOL_SOCKET, SO_MARK, (int)MARK);
	read_int(&r, SOL_UDP, 104, 1400); /* UDP_GRO has another reader */
	assert_true(r.has_ttl);
	assert_int_equal(r.ttl, 7);
	assert_int_equal(r.mark, MARK);
	assert_false(r.fragmented);
	read_int(&r, SOL_IPV6, IPV6_HOPLIMIT, 8);
	read_int(&r, SOL_IPV6, IPV6_TCLASS, 0x2e);
	assert_int_equal(r.ttl, 8);
	assert_int_equal(r.tos, 0x2e);
	read_int(&r, SOL_IPV6, 77, 1280); /* IPV6_RECVFRAGSIZE */
	assert_true(r.fragmented);
}

static void test_paths(void **state)
{
	union saddr client = address("10.77.1.2", 5001), same = address("10.77.1.2", 5002);
	union saddr server = address("10.77.2.2", 53), other = address("10.77.2.3", 53);
	struct path_table *p = path_table_new(1);

	(void)state;
	assert_int_equal(path_find(p, &client, &server, 1), 0);
	path_note(p, &client, &server, 1300, 1);
	assert_int_equal(path_find(p, &client, &server, 1), 1300);
	assert_int_equal(path_find(p, &same, &server, 2), 1300);
	assert_int_equal(path_find(p, &client, &other, 2), 0);
	assert_int_equal(path_find(p, &server, &client, 2), 0);
	path_note(p, &client, &server, 1400, 2);
	assert_int_equal(path_find(p, &client, &server, 3), 1400);
	assert_int_equal(path_find(p, &client, &server, 11 * 60 * 1000), 0);
	path_table_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_df),
		cmocka_unit_test(test_ttl),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
