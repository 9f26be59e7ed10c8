/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP errors that the relay sends itself, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "address.h"
#include "relay/net/rawicmp.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_icmp4),
		cmocka_unit_test(test_icmp6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
