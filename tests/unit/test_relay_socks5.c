/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of SOCKS 5 and ICMP, byte by byte, and the counting of flows by source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "address.h"
#include "lib/util.h"
#include "relay/net/rawicmp.h"
#include "relay/udp/per_source.h"
#include "relay/upstream/socks5.h"

static void test_socks_header(void **state)
{
	const uint8_t want4[] = { 0, 0, 0, 1, 10, 77, 2, 2, 0x1b, 0x5f };
	union saddr v4 = address("10.77.2.2", 7007), v6 = address("fd77:2::2", 53), got;
	uint8_t buf[SOCKS5_HEADER_MAX];

	(void)state;
	assert_int_equal(socks5_header(&v4, buf), sizeof(want4));
	assert_memory_equal(buf, want4, sizeof(want4));
	assert_int_equal(socks5_header_read(buf, sizeof(want4), &got), sizeof(want4));
	assert_true(saddr_equal(&got, &v4));
	assert_int_equal(socks5_header(&v6, buf), SOCKS5_HEADER_MAX);
	assert_int_equal(socks5_header_read(buf, sizeof(buf), &got), SOCKS5_HEADER_MAX);
	assert_true(saddr_equal(&got, &v6));
}

/* Every truncation, fragments, names and nonsense are refused; nothing is read behind the end. */
static void test_socks_header_refused(void **state)
{
	union saddr v6 = address("fd77:2::2", 53), got;
	uint8_t buf[SOCKS5_HEADER_MAX];
	size_t len = socks5_header(&v6, buf);

	(void)state;
	for (size_t n = 0; n < len; n++) {
		uint8_t *exact = malloc(n ? n : 1);

		memcpy(exact, buf, n);
		assert_int_equal(socks5_header_read(exact, n, &got), -EPROTO);
		free(exact);
	}
	buf[2] = 1;
	assert_int_equal(socks5_header_read(buf, len, &got), -EPROTO);
	buf[2] = 0;
	buf[3] = 3;
	assert_int_equal(socks5_header_read(buf, len, &got), -EPROTO);
	buf[3] = 9;
	assert_int_equal(socks5_header_read(buf, len, &got), -EPROTO);
}

/* Feeds what the server says, byte by byte; what we answer is in `said`. The last result. */
static int hear(struct socks5 *socks, const void *text, size_t len, uint8_t *said, size_t *ret_len)
{
	const uint8_t *bytes = text;
	int r = 0;

	*ret_len = 0;
	for (size_t i = 0; i < len && !r && !*ret_len; i++)
		r = socks5_take(socks, bytes[i], said, ret_len);
	return r;
}

#define HEAR(text) hear(&socks, (text), sizeof(text) - 1, said, &len)

static void test_socks_associate(void **state)
{
	const struct proxy proxy = { PROXY_SOCKS5, address("10.0.0.1", 1080), "", "" };
	union saddr want = address("127.0.0.1", 1080);
	uint8_t said[SOCKS5_OUT_MAX];
	struct socks5 socks;
	size_t len;

	(void)state;
	len = socks5_associate(&socks, &proxy, said);
	assert_int_equal(len, 3);
	assert_memory_equal(said, "\5\1\0", 3);
	assert_int_equal(HEAR("\5\0"), 0);
	assert_int_equal(len, 10);
	assert_memory_equal(said, "\5\3\0\1\0\0\0\0\0\0", 10);
	assert_int_equal(HEAR("\5\0\0\1\x7f\0\0\1\x04\x38"), 1);
	assert_true(saddr_equal(&socks.bound, &want));
}

static void test_socks_associate_password(void **state)
{
	const struct proxy proxy = { PROXY_SOCKS5, address("fd77::1", 1080), "user", "pass" };
	union saddr want = address("10.0.0.9", 1080);
	uint8_t said[SOCKS5_OUT_MAX];
	struct socks5 socks;
	size_t len;

	(void)state;
	socks5_associate(&socks, &proxy, said);
	assert_memory_equal(said, "\5\1\2", 3);
	assert_int_equal(HEAR("\5\2"), 0);
	assert_int_equal(len, 11);
	assert_memory_equal(said, "\1\4user\4pass", 11);
	assert_int_equal(HEAR("\1\0"), 0);
	assert_int_equal(len, 22);
	assert_memory_equal(said, "\5\3\0\4", 4);
	/* A server with one socket for both families names IPv4 like this. */
	assert_int_equal(HEAR("\5\0\0\4\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x09\x04\x38"), 1);
	assert_true(saddr_equal(&socks.bound, &want));
}

/* What the server says to the request, up to the result. */
static int reply(const void *text, size_t text_len, union saddr *ret_bound)
{
	const struct proxy proxy = { PROXY_SOCKS5, address("10.0.0.1", 1080), "", "" };
	uint8_t said[SOCKS5_OUT_MAX];
	struct socks5 socks;
	size_t len;
	int r;

	socks5_associate(&socks, &proxy, said);
	assert_int_equal(HEAR("\5\0"), 0);
	r = hear(&socks, text, text_len, said, &len);
	*ret_bound = socks.bound;
	return r;
}

static void test_socks_replies(void **state)
{
	union saddr bound;

	(void)state;
	assert_int_equal(reply("\5\0\0\3\4host\x04\x38", 11, &bound), 1);
	assert_int_equal(bound.sa.sa_family, AF_UNSPEC);
	assert_int_equal(reply("\5\5", 2, &bound), -ECONNREFUSED);
	assert_int_equal(reply("\5\xc8", 2, &bound), -EPROTO);
	assert_int_equal(reply("\4\0", 2, &bound), -EPROTO);
	assert_int_equal(reply("\5\0\0\7\4", 5, &bound), -EPROTO);
	for (size_t n = 0; n < 10; n++)
		assert_int_equal(reply("\5\0\0\1\x7f\0\0\1\x04\x38", n, &bound), 0);
}

static void test_icmp4(void **state)
{
	struct icmp_error e = { .type = 3,
				.code = 4,
				.info = 1400,
				.src = address("10.77.1.2", 4660),
				.dst = address("10.77.2.2", 53) };
	const uint8_t quoted[] = { 10, 77, 1, 2, 10, 77, 2, 2, 0x12, 0x34, 0, 53, 0, 8, 0, 0 };
	uint8_t buf[RAWICMP_MAX];
	uint32_t sum = 0;
	size_t len = rawicmp_format(&e, buf);

	(void)state;
	assert_int_equal(len, 8 + 20 + 8);
	assert_memory_equal(buf, ((const uint8_t[]){ 3, 4 }), 2);
	assert_memory_equal(buf + 4, ((const uint8_t[]){ 0, 0, 1400 >> 8, 1400 & 0xff }), 4);
	assert_int_equal(buf[8], 0x45);
	assert_int_equal(buf[8 + 9], IPPROTO_UDP);
	assert_memory_equal(buf + 8 + 12, quoted, sizeof(quoted));
	/* RFC 1071: with a right checksum in it, all adds up to ones. */
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)buf[i] << 8 | buf[i + 1];
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
}

static void test_icmp6(void **state)
{
	struct icmp_error e = { .type = 2,
				.info = 70000,
				.src = address("fd77:1::2", 4660),
				.dst = address("fd77:2::2", 53) };
	uint8_t buf[RAWICMP_MAX];

	(void)state;
	assert_int_equal(rawicmp_format(&e, buf), 8 + 40 + 8);
	assert_memory_equal(buf + 4, ((const uint8_t[]){ 0, 1, 0x11, 0x70 }), 4);
	assert_int_equal(buf[8], 0x60);
	assert_int_equal(buf[8 + 6], IPPROTO_UDP);
	assert_memory_equal(buf + 8 + 8, &e.src.v6.sin6_addr, 16);
	assert_memory_equal(buf + 8 + 24, &e.dst.v6.sin6_addr, 16);
}

static void test_source_limit(void **state)
{
	union saddr a = address("10.0.0.1", 1), b = address("10.0.0.1", 2);
	union saddr other = address("10.0.0.2", 1);
	struct source_table *s = source_table_new(2, 7);
	struct source_link links[3];

	(void)state;
	assert_null(source_full(s, &a));
	assert_int_equal(source_join(s, &a, &links[0]), 0);
	assert_null(source_full(s, &a));
	assert_int_equal(source_join(s, &b, &links[1]), 0);
	assert_ptr_equal(source_full(s, &a), &links[0]);
	assert_ptr_equal(source_next(&links[0]), &links[1]);
	assert_null(source_full(s, &other));
	assert_int_equal(source_join(s, &other, &links[2]), 0);
	source_leave(&links[0]);
	assert_null(source_full(s, &b));
	source_leave(&links[1]);
	source_leave(&links[2]);
	source_table_free(s);
}

/* A host has a whole /64 to choose its address from. */
static void test_source_of_ipv6_is_a_prefix(void **state)
{
	union saddr a = address("fd77:1:2:3::1", 1), b = address("fd77:1:2:3:ffff::9", 2);
	union saddr other = address("fd77:1:2:4::1", 1);
	struct source_table *s = source_table_new(1, 7);
	struct source_link link;

	(void)state;
	assert_int_equal(source_join(s, &a, &link), 0);
	assert_ptr_equal(source_full(s, &b), &link);
	assert_null(source_full(s, &other));
	source_leave(&link);
	source_table_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_socks_header),
		cmocka_unit_test(test_socks_header_refused),
		cmocka_unit_test(test_socks_associate),
		cmocka_unit_test(test_socks_associate_password),
		cmocka_unit_test(test_socks_replies),
		cmocka_unit_test(test_icmp4),
		cmocka_unit_test(test_icmp6),
		cmocka_unit_test(test_source_limit),
		cmocka_unit_test(test_source_of_ipv6_is_a_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
