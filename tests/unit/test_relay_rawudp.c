/* SPDX-License-Identifier: BSD-2-Clause */
/* The UDP checksum that the relay computes for raw sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "address.h"
#include "relay/net/rawudp.h"

static void test_udp_checksum(void **state)
{
	/* 192.0.2.1:1000 to 192.0.2.2:2000, "abc": computed by hand as RFC 768 says. */
	union saddr from = address("192.0.2.1", 1000), to = address("192.0.2.2", 2000);
	uint16_t header[4] = { htons(1000), htons(2000), htons(11), 0 };
	uint32_t sum =
		0xc000 + 0x0201 + 0xc000 + 0x0202 + 17 + 11 + 1000 + 2000 + 11 + 0x6162 + 0x6300;

	(void)state;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(ntohs(rawudp_checksum4(&from, &to, header, "abc", 3)), (uint16_t)~sum);
}

/* RFC 768: a sum of zero is sent as all ones. */
static void test_udp_checksum_zero(void **state)
{
	union saddr from = address("0.0.0.0", 0), to = address("0.0.0.0", 0);
	uint16_t header[4] = { 0, 0, htons(10), 0 };
	uint16_t fill = htons(0xffff - 17 - 10 - 10);

	(void)state;
	assert_int_equal(rawudp_checksum4(&from, &to, header, &fill, 2), 0xffff);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_udp_checksum),
		cmocka_unit_test(test_udp_checksum_zero),
	};

	return cmocka_run_group_tests_name("rawudp", tests, NULL, NULL);
}
