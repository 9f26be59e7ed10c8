/* SPDX-License-Identifier: BSD-2-Clause */
/* SOCKS5 for datagrams: the header of each, and the exchange that asks for a relay of them. */
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

/* Every truncation, fragments, names and nonsense are refused; nothing is read after the end. */
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

/* Feeds the bytes of the server one by one; `said` gets our answer. Returns the last result. */
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

/* The result of what the server answers to the request. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_socks_header),
		cmocka_unit_test(test_socks_header_refused),
		cmocka_unit_test(test_socks_associate),
		cmocka_unit_test(test_socks_associate_password),
		cmocka_unit_test(test_socks_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
