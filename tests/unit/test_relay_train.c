/* SPDX-License-Identifier: BSD-2-Clause */
/* Trains keep every datagram unchanged and in order, of any sizes, whatever way they leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/util.h"
#include "relay/udp/train.h"

static uint8_t bytes[1 << 20];

static struct run run_of(size_t at, size_t len, uint16_t segment)
{
	return (struct run){ .data = bytes + at, .len = len, .segment = segment };
}

static bool add(struct train *t, size_t at, size_t len, uint16_t segment, size_t *ret_left)
{
	struct run run = run_of(at, len, segment);
	bool all = train_add(t, &run);

	*ret_left = run.len;
	return all;
}

static void test_equal_sizes_join(void **state)
{
	struct train t;
	size_t left;

	(void)state;
	train_reset(&t);
	assert_true(add(&t, 0, 100, 0, &left));
	assert_true(add(&t, 100, 100, 0, &left));
	assert_true(add(&t, 200, 1000, 100, &left));
	assert_int_equal(t.count, 12);
	assert_false(t.closed);
	assert_true(add(&t, 1200, 60, 0, &left));
	assert_true(t.closed);
	assert_false(add(&t, 1260, 60, 0, &left)); /* after a shorter one it would change size */
	assert_int_equal(left, 60);
}

static void test_larger_does_not_join(void **state)
{
	struct train t;
	size_t left;

	(void)state;
	train_reset(&t);
	assert_true(add(&t, 0, 100, 0, &left));
	assert_false(add(&t, 100, 101, 0, &left));
	assert_false(add(&t, 100, 300, 99, &left));
	assert_false(add(&t, 100, 0, 0, &left));
	assert_int_equal(t.count, 1);
}

/* One send sets TTL, TOS and DF of all. */
static void test_other_fields_do_not_join(void **state)
{
	const struct ip_fields fields[] = {
		{ 64, 0, 0 }, { 63, 0, 0 }, { 64, 1, 0 }, { 64, 0, 1 }
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		struct run first = run_of(0, 100, 0), next = run_of(100, 100, 0);
		struct train t;

		first.fields = fields[0];
		next.fields = fields[i];
		train_reset(&t);
		assert_true(train_add(&t, &first));
		assert_int_equal(train_add(&t, &next), i == 0);
		assert_int_equal(t.count, i == 0 ? 2 : 1);
		assert_true(ip_fields_equal(&t.fields, &fields[0]));
	}
}

static void test_empty_goes_alone(void **state)
{
	struct train t;
	size_t left;

	(void)state;
	train_reset(&t);
	assert_true(add(&t, 0, 0, 0, &left));
	assert_int_equal(t.count, 1);
	assert_false(add(&t, 0, 0, 0, &left));
	assert_false(add(&t, 0, 10, 0, &left));
}

static void test_long_run_is_taken_in_parts(void **state)
{
	struct train t;
	struct run run = run_of(0, 128 * 500 + 7, 500);

	(void)state;
	train_reset(&t);
	assert_false(train_add(&t, &run));
	assert_int_equal(t.count, TRAIN_MAX);
	assert_false(t.closed);
	train_reset(&t);
	assert_false(train_add(&t, &run));
	assert_int_equal(t.count, 64);
	train_reset(&t);
	assert_true(train_add(&t, &run));
	assert_int_equal(t.count, 1);
	assert_int_equal(t.bytes, 7);
}

static void test_bytes_are_bounded(void **state)
{
	struct train t;
	size_t left;

	(void)state;
	train_reset(&t);
	assert_true(add(&t, 0, 65507, 0, &left)); /* the largest there is goes, alone */
	assert_false(add(&t, 65507, 65507, 0, &left));
	train_reset(&t);
	assert_true(add(&t, 0, 30000, 0, &left));
	assert_true(add(&t, 30000, 30000, 0, &left));
	assert_false(add(&t, 60000, 30000, 0, &left));
	assert_int_equal(t.bytes, 60000);
}

/* A pair of connected sockets on loopback; datagrams of more than 65535 bytes with headers fail. */
static void open_pair(int family, int fds[2])
{
	union saddr a[2];

	for (int i = 0; i < 2; i++) {
		socklen_t len = sizeof(a[i]);
		int size = 4 << 20;

		a[i] = saddr_loopback((sa_family_t)family, 0);
		fds[i] = socket(family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		assert_true(fds[i] >= 0);
		setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
		assert_int_equal(bind(fds[i], &a[i].sa, saddr_len(&a[i])), 0);
		assert_int_equal(getsockname(fds[i], &a[i].sa, &len), 0);
	}
	assert_int_equal(connect(fds[0], &a[1].sa, saddr_len(&a[1])), 0);
	assert_int_equal(connect(fds[1], &a[0].sa, saddr_len(&a[0])), 0);
}

static void expect(int fd, const uint8_t *data, size_t len)
{
	static uint8_t got[65536];
	ssize_t n = recv(fd, got, sizeof(got), 0);

	assert_int_equal(n, len);
	assert_memory_equal(got, data, len);
}

/* Random runs, sent as trains, come out as the naive reading of the runs says. */
static void check_random(int family, uint32_t limit, unsigned int seed)
{
	struct {
		size_t at, len;
	} sent[512];
	unsigned int count = 0, done = 0;
	size_t at = 0;
	struct train t;
	struct train_way way;
	int fds[2];

	srandom(seed);
	open_pair(family, fds);
	way = (struct train_way){ .fd = fds[0], .gso_limit = &limit };
	train_reset(&t);
	for (int i = 0; i < 12; i++) {
		size_t size = (size_t)random() % 4 ? (size_t)random() % 1400 : (size_t)random() % 2;
		size_t len = size ? size * (1 + (size_t)random() % 8) - (size_t)random() % size : 0;
		struct run run = run_of(at, len, len > size ? (uint16_t)size : 0);

		if (size && len < size)
			run.segment = 0;
		for (size_t from = 0; from < len || (!len && !from); from += size ? size : 1) {
			sent[count].at = at + from;
			sent[count++].len = len - from < size ? len - from : size;
		}
		at += len;
		while (!train_add(&t, &run)) {
			done += t.count;
			assert_int_equal(train_send(&t, &way), 0);
			assert_int_equal(t.sent, t.count);
			train_reset(&t);
		}
	}
	done += t.count;
	assert_int_equal(train_send(&t, &way), 0);
	assert_int_equal(done, count);
	for (unsigned int i = 0; i < count; i++)
		expect(fds[1], bytes + sent[i].at, sent[i].len);
	assert_int_equal(recv(fds[1], &(char){ 0 }, 1, 0), -1);
	close(fds[0]);
	close(fds[1]);
}

static void test_random_runs(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 31 + (i >> 8));
	for (unsigned int seed = 1; seed <= 200; seed++) {
		check_random(AF_INET, GSO_UNLIMITED, seed);
		check_random(AF_INET6, GSO_UNLIMITED, seed);
		check_random(AF_INET, 700, seed);
		check_random(AF_INET6, GSO_NEVER, seed);
	}
}

/* The path allows 65536 on loopback; more is refused, and then each leaves by itself. */
static void test_refused_segmentation_falls_back(void **state)
{
	uint32_t limit = GSO_UNLIMITED;
	struct train t;
	struct train_way way;
	int fds[2];
	size_t left;
	int no_checksum = 1;

	(void)state;
	open_pair(AF_INET, fds);
	way = (struct train_way){ .fd = fds[0], .gso_limit = &limit };
	/* The kernel does not segment what it may not checksum. */
	setsockopt(fds[0], SOL_SOCKET, SO_NO_CHECK, &no_checksum, sizeof(no_checksum));
	train_reset(&t);
	assert_true(add(&t, 0, 900, 300, &left));
	assert_int_equal(train_send(&t, &way), 0);
	assert_int_equal(t.sent, 3);
	assert_int_equal(limit, 300);
	for (size_t at = 0; at < 900; at += 300)
		expect(fds[1], bytes + at, 300);
	close(fds[0]);
	close(fds[1]);
}

static void test_pending_error_stops_and_goes_on(void **state)
{
	uint32_t limit = GSO_NEVER;
	struct train t;
	struct train_way way;
	int fds[2];
	size_t left;

	(void)state;
	open_pair(AF_INET, fds);
	close(fds[1]);
	way = (struct train_way){ .fd = fds[0], .gso_limit = &limit };
	assert_int_equal(send(fds[0], "x", 1, 0), 1); /* refused by now, on loopback */
	train_reset(&t);
	assert_true(add(&t, 0, 900, 300, &left));
	assert_int_equal(train_send(&t, &way), -ECONNREFUSED);
	assert_int_equal(t.done, 0);
	train_skip(&t);
	assert_int_equal(t.lost, 1);
	assert_int_equal(t.done, 1);
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_sizes_join),
		cmocka_unit_test(test_larger_does_not_join),
		cmocka_unit_test(test_other_fields_do_not_join),
		cmocka_unit_test(test_empty_goes_alone),
		cmocka_unit_test(test_long_run_is_taken_in_parts),
		cmocka_unit_test(test_bytes_are_bounded),
		cmocka_unit_test(test_random_runs),
		cmocka_unit_test(test_refused_segmentation_falls_back),
		cmocka_unit_test(test_pending_error_stops_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
