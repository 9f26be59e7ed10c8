/* SPDX-License-Identifier: BSD-2-Clause */
/* One direction of a connection: bytes, back-pressure, FIN, failures. And the UDP checksum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <sys/socket.h>

#include "lib/util.h"
#include "relay/pump.h"
#include "relay/rawudp.h"

static uint8_t scratch[PUMP_BUFFER_SIZE];

/* from[0] is the source's peer, to[1] the receiver's; the pump works between from[1] and to[0]. */
struct fixture {
	int from[2];
	int to[2];
	struct pump pump;
};

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, f.from) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, f.to))
		return -1;
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	pump_free(&f->pump);
	for (int i = 0; i < 2; i++) {
		cleanup_fd(&f->from[i]);
		cleanup_fd(&f->to[i]);
	}
	return 0;
}

static enum pump_result turn(struct fixture *f, unsigned int budget)
{
	return pump_run(&f->pump, f->from[1], f->to[0], scratch, budget);
}

static void test_bytes_then_fin(void **state)
{
	struct fixture *f = *state;
	char buf[16];

	assert_int_equal(turn(f, 4), PUMP_WAIT_READ);
	assert_int_equal(write(f->from[0], "hello", 5), 5);
	assert_int_equal(turn(f, 4), PUMP_WAIT_READ);
	assert_int_equal(read(f->to[1], buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(write(f->from[0], "end", 3), 3);
	shutdown(f->from[0], SHUT_WR);
	assert_int_equal(turn(f, 4), PUMP_DONE);
	assert_int_equal(read(f->to[1], buf, sizeof(buf)), 3);
	assert_int_equal(read(f->to[1], buf, sizeof(buf)), 0);
	assert_int_equal(f->pump.bytes, 8);
	/* The other direction is not touched. */
	assert_int_equal(write(f->to[1], "back", 4), 4);
	assert_int_equal(turn(f, 4), PUMP_DONE);
}

static void test_budget(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(write(f->from[0], "x", 1), 1);
	assert_int_equal(turn(f, 1), PUMP_YIELD);
	assert_int_equal(turn(f, 1), PUMP_WAIT_READ);
}

/* While the receiver is full nothing is read, and nothing is lost or doubled in the end. */
static void test_back_pressure(void **state)
{
	struct fixture *f = *state;
	uint64_t written = 0, taken = 0;
	bool blocked = false;

	while (taken < 8 * 1024 * 1024) {
		uint8_t byte[512];
		ssize_t n;

		for (size_t i = 0; i < sizeof(byte); i++)
			byte[i] = (uint8_t)((written + i) * 31 >> 3);
		n = write(f->from[0], byte, sizeof(byte));
		if (n > 0) {
			written += (uint64_t)n;
			continue;
		}
		if (turn(f, 64) != PUMP_WAIT_WRITE)
			continue;
		blocked = true;
		assert_true(pump_pending(&f->pump));
		assert_true(f->pump.residue_len <= PUMP_BUFFER_SIZE);
		while ((n = read(f->to[1], byte, sizeof(byte))) > 0)
			for (ssize_t i = 0; i < n; i++, taken++)
				assert_int_equal(byte[i], (uint8_t)(taken * 31 >> 3));
	}
	assert_true(blocked);
}

/* The FIN waits behind what is pending. */
static void test_fin_after_residue(void **state)
{
	struct fixture *f = *state;
	static char block[4096];
	enum pump_result r;
	uint64_t written = 0, taken = 0;
	ssize_t n;

	do {
		while (write(f->from[0], block, sizeof(block)) > 0)
			written += sizeof(block);
		r = turn(f, 64);
	} while (r != PUMP_WAIT_WRITE);
	shutdown(f->from[0], SHUT_WR);
	do {
		while ((n = read(f->to[1], block, sizeof(block))) > 0)
			taken += (uint64_t)n;
		r = turn(f, 64);
	} while (r != PUMP_DONE);
	while ((n = read(f->to[1], block, sizeof(block))) > 0)
		taken += (uint64_t)n;
	assert_int_equal(n, 0);
	assert_int_equal(taken, written);
	assert_int_equal(f->pump.bytes, written);
	assert_null(f->pump.residue);
}

static void test_receiver_gone(void **state)
{
	struct fixture *f = *state;

	close(f->to[1]);
	f->to[1] = -1;
	assert_int_equal(write(f->from[0], "x", 1), 1);
	assert_int_equal(turn(f, 4), PUMP_WRITE_FAILED);
	assert_int_equal(f->pump.err, EPIPE);
}

static void test_source_reset(void **state)
{
	struct fixture *f = *state;

	/* A unix socket closed with unread bytes resets its peer. */
	assert_int_equal(write(f->from[1], "x", 1), 1);
	close(f->from[0]);
	f->from[0] = -1;
	assert_int_equal(turn(f, 4), PUMP_READ_FAILED);
	assert_int_equal(f->pump.err, ECONNRESET);
}

static union saddr v4(const char *text, uint16_t port)
{
	union saddr a = { .v4 = { .sin_family = AF_INET, .sin_port = htons(port) } };

	inet_pton(AF_INET, text, &a.v4.sin_addr);
	return a;
}

static void test_udp_checksum(void **state)
{
	/* 192.0.2.1:1000 to 192.0.2.2:2000, "abc": computed by hand after RFC 768. */
	union saddr from = v4("192.0.2.1", 1000), to = v4("192.0.2.2", 2000);
	uint16_t header[4] = { htons(1000), htons(2000), htons(11), 0 };
	uint32_t sum = 0xc000 + 0x0201 + 0xc000 + 0x0202 + 17 + 11 + 1000 + 2000 + 11 + 0x6162 +
		       0x6300;

	(void)state;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(ntohs(rawudp_checksum4(&from, &to, header, "abc", 3)),
			 (uint16_t)~sum);
}

/* A sum of zero goes out as all ones. */
static void test_udp_checksum_zero(void **state)
{
	union saddr from = v4("0.0.0.0", 0), to = v4("0.0.0.0", 0);
	uint16_t header[4] = { 0, 0, htons(10), 0 };
	uint16_t fill = htons(0xffff - 17 - 10 - 10);

	(void)state;
	assert_int_equal(rawudp_checksum4(&from, &to, header, &fill, 2), 0xffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bytes_then_fin, setup, teardown),
		cmocka_unit_test_setup_teardown(test_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_back_pressure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fin_after_residue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_receiver_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_source_reset, setup, teardown),
		cmocka_unit_test(test_udp_checksum),
		cmocka_unit_test(test_udp_checksum_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
