/* SPDX-License-Identifier: BSD-2-Clause */
/* Headers of the PROXY protocol, both versions and both families. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "address.h"
#include "relay/upstream/proxyproto.h"

static void expect_header(unsigned int version, const char *client, const char *dst,
			  const char *expected, size_t len)
{
	union saddr from = address(client, 56324), to = address(dst, 443);
	uint8_t buf[PROXYPROTO_MAX];

	assert_int_equal(proxyproto_format(version, &from, &to, buf), len);
	assert_memory_equal(buf, expected, len);
}

static void test_proxyproto(void **state)
{
	static const char v1_4[] = "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n";
	static const char v1_6[] = "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n";
	static const char v2_4[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\xa8\0\x01\xc0\xa8\0\x0b"
				   "\xdc\x04\x01\xbb";
	static const char v2_6[] = "\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24"
				   "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
				   "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\xdc\x04\x01\xbb";

	(void)state;
	expect_header(1, "192.168.0.1", "192.168.0.11", v1_4, sizeof(v1_4) - 1);
	expect_header(1, "2001:db8::1", "2001:db8::2", v1_6, sizeof(v1_6) - 1);
	expect_header(2, "192.168.0.1", "192.168.0.11", v2_4, sizeof(v2_4) - 1);
	expect_header(2, "2001:db8::1", "2001:db8::2", v2_6, sizeof(v2_6) - 1);
}

static void test_proxyproto_longest(void **state)
{
	union saddr a = address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);
	uint8_t buf[PROXYPROTO_MAX];
	size_t len;

	(void)state;
	a.v6.sin6_scope_id = UINT32_MAX;
	len = proxyproto_format(1, &a, &a, buf);
	assert_in_range(len, 90, PROXYPROTO_MAX - 1);
	assert_memory_equal(buf + len - 2, "\r\n", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proxyproto),
		cmocka_unit_test(test_proxyproto_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
