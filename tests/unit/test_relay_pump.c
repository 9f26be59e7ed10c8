/* SPDX-License-Identifier: BSD-2-Clause */
/* One direction of a connection, copied and spliced: bytes, back-pressure, FIN, failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/socket.h>

#include "lib/util.h"
#include "relay/tcp/pump.h"

static uint8_t scratch[PUMP_BUFFER_SIZE];

/* from[0] is the source's peer, to[1] the receiver's; the pump works between from[1] and to[0]. */
struct fixture {
	int from[2];
	int to[2];
	struct pump pump;
	struct pump_tools tools;
};

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	f.tools.buf = scratch;
	f.pump.roomy = true;
	f.tools.now = 1000000;
	pipes_init(&f.tools.pipes, 2);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, f.from) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, f.to))
		return -1;
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	pump_free(&f->pump, &f->tools);
	pipes_close(&f->tools.pipes);
	assert_int_equal(f->tools.pipes.open, 0);
	for (int i = 0; i < 2; i++) {
		cleanup_fd(&f->from[i]);
		cleanup_fd(&f->to[i]);
	}
	return 0;
}

static int setup_bulk(void **state)
{
	int rc = setup(state);

	((struct fixture *)*state)->pump.bulk = true;
	return rc;
}

/* As after an event. */
static enum pump_result turn(struct fixture *f)
{
	f->pump.fresh = true;
	return pump_run(&f->pump, &f->tools, f->from[1], f->to[0]);
}

/* A stream of bytes: the same byte at the same offset. */
static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)(offset * 31 >> 3);
}

static ssize_t write_bytes(int fd, uint64_t offset, size_t len)
{
	static uint8_t block[PUMP_BUFFER_SIZE];

	for (size_t i = 0; i < len; i++)
		block[i] = byte_at(offset + i);
	return write(fd, block, len);
}

/* Reads all there is; returns the number of bytes, or -1 at the end. */
static int64_t read_bytes(int fd, uint64_t offset)
{
	static uint8_t block[PUMP_BUFFER_SIZE];
	int64_t all = 0;
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0)
		for (ssize_t i = 0; i < n; i++, all++)
			assert_int_equal(block[i], byte_at(offset + (uint64_t)all));
	return all || n ? all : -1;
}

static void test_bytes_then_fin(void **state)
{
	struct fixture *f = *state;
	char buf[16];

	assert_int_equal(turn(f), PUMP_WAIT_READ);
	assert_int_equal(write(f->from[0], "hello", 5), 5);
	assert_int_equal(turn(f), PUMP_WAIT_READ);
	assert_int_equal(read(f->to[1], buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(write(f->from[0], "end", 3), 3);
	shutdown(f->from[0], SHUT_WR);
	f->pump.fin = true; /* as after EPOLLRDHUP */
	assert_int_equal(turn(f), PUMP_DONE);
	assert_int_equal(read(f->to[1], buf, sizeof(buf)), 3);
	assert_int_equal(read(f->to[1], buf, sizeof(buf)), 0);
	assert_int_equal(f->pump.bytes, 8);
	/* The other direction is not touched. */
	assert_int_equal(write(f->to[1], "back", 4), 4);
	assert_int_equal(turn(f), PUMP_DONE);
}

/* With `last` the caller closes the receiver next, so there is no shutdown. */
static void test_last_fin_is_the_close(void **state)
{
	struct fixture *f = *state;
	char buf[16];

	assert_int_equal(write(f->from[0], "end", 3), 3);
	shutdown(f->from[0], SHUT_WR);
	f->pump.fin = f->pump.last = true;
	assert_int_equal(turn(f), PUMP_DONE);
	assert_int_equal(read(f->to[1], buf, sizeof(buf)), 3);
	assert_int_equal(read(f->to[1], buf, sizeof(buf)), -1);
	assert_int_equal(errno, EAGAIN);
}

/* After an urgent byte or an error, more may follow a short read. */
static void test_careful_reads_on(void **state)
{
	struct fixture *f = *state;
	char buf[16];

	f->pump.careful = true;
	assert_int_equal(write(f->from[0], "both", 4), 4);
	assert_int_equal(turn(f), PUMP_WAIT_READ);
	assert_int_equal(write(f->from[0], "parts", 5), 5);
	shutdown(f->from[0], SHUT_WR);
	assert_int_equal(turn(f), PUMP_DONE);
	assert_int_equal(read(f->to[1], buf, sizeof(buf)), 9);
	assert_memory_equal(buf, "bothparts", 9);
	assert_int_equal(read(f->to[1], buf, sizeof(buf)), 0);
}

/* The pump sees the end at the latest when epoll reports it. */
static void test_fin_after_short_read(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(write(f->from[0], "end", 3), 3);
	shutdown(f->from[0], SHUT_WR);
	assert_int_equal(turn(f), PUMP_WAIT_READ);
	assert_int_equal(turn(f), PUMP_DONE);
	assert_int_equal(f->pump.bytes, 3);
}

/* A flow with much data yields to others after its share. */
static void test_yields(void **state)
{
	struct fixture *f = *state;
	int size = 4 * 1024 * 1024;
	uint64_t written = 0;
	ssize_t n;

	setsockopt(f->from[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(f->from[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	while ((n = write_bytes(f->from[0], written, 4096)) > 0)
		written += (uint64_t)n;
	if (written < 2 * 1024 * 1024)
		skip(); /* the system's limit of socket memory */
	setsockopt(f->to[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(f->to[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	assert_int_equal(turn(f), PUMP_YIELD);
	assert_true(f->pump.bytes < written);
}

/* While the receiver is full nothing is read; in the end no byte is lost or doubled. */
/* The owner limits what one run may read; what is pending passes in any case. */
static void test_limit(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(write_bytes(f->from[0], 0, 5000), 5000);
	f->pump.limit = 2000;
	assert_int_equal(turn(f), PUMP_YIELD);
	assert_int_equal(f->pump.left, 0);
	assert_int_equal(read_bytes(f->to[1], 0), 2000);
	f->pump.held = true;
	assert_int_equal(turn(f), PUMP_YIELD);
	assert_int_equal(f->pump.bytes, 2000);
	f->pump.held = false;
	f->pump.limit = 4000;
	assert_int_equal(turn(f), PUMP_WAIT_READ);
	assert_int_equal(f->pump.left, 1000);
	assert_int_equal(read_bytes(f->to[1], 2000), 3000);
}

static void test_back_pressure(void **state)
{
	struct fixture *f = *state;
	uint64_t written = 0, taken = 0;
	bool blocked = false;

	while (taken < 8 * 1024 * 1024) {
		ssize_t n = write_bytes(f->from[0], written, 512);

		if (n > 0) {
			written += (uint64_t)n;
			continue;
		}
		if (turn(f) != PUMP_WAIT_WRITE)
			continue;
		blocked = true;
		assert_true(pump_pending(&f->pump));
		assert_true(f->pump.residue_len <= PUMP_BUFFER_SIZE);
		assert_true(!f->pump.pipe || f->pump.pipe->held <= PIPE_SIZE);
		assert_false(f->pump.pipe && f->pump.residue);
		taken += (uint64_t)read_bytes(f->to[1], taken);
	}
	assert_true(blocked);
}

/* The FIN waits for pending bytes. */
static void test_fin_after_pending(void **state)
{
	struct fixture *f = *state;
	uint64_t written = 0, taken = 0;
	enum pump_result r;
	int64_t n;

	do {
		while ((n = write_bytes(f->from[0], written, 4096)) > 0)
			written += (uint64_t)n;
		r = turn(f);
	} while (r != PUMP_WAIT_WRITE);
	assert_true(pump_pending(&f->pump));
	shutdown(f->from[0], SHUT_WR);
	f->pump.fin = true;
	do {
		n = read_bytes(f->to[1], taken);
		assert_true(n >= 0);
		taken += (uint64_t)n;
		r = turn(f);
	} while (r != PUMP_DONE);
	while ((n = read_bytes(f->to[1], taken)) > 0)
		taken += (uint64_t)n;
	assert_int_equal(n, -1);
	assert_int_equal(taken, written);
	assert_int_equal(f->pump.bytes, written);
	assert_null(f->pump.residue);
	assert_null(f->pump.pipe);
}

static void test_receiver_gone(void **state)
{
	struct fixture *f = *state;

	close(f->to[1]);
	f->to[1] = -1;
	assert_int_equal(write(f->from[0], "x", 1), 1);
	assert_int_equal(turn(f), PUMP_WRITE_FAILED);
	assert_int_equal(f->pump.err, EPIPE);
}

static void test_source_reset(void **state)
{
	struct fixture *f = *state;

	/* A unix socket closed with unread bytes resets its peer. */
	assert_int_equal(write(f->from[1], "x", 1), 1);
	close(f->from[0]);
	f->from[0] = -1;
	assert_int_equal(turn(f), PUMP_READ_FAILED);
	assert_int_equal(f->pump.err, ECONNRESET);
}

/* The rest of a broken connection is passed on, without a FIN after it. */
static void test_rest_has_no_fin(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(write_bytes(f->from[0], 0, 5000), 5000);
	shutdown(f->from[0], SHUT_WR);
	pump_rest(&f->pump, &f->tools, f->from[1], f->to[0]);
	pump_rest(&f->pump, &f->tools, f->from[1], f->to[0]);
	assert_false(f->pump.done);
	assert_int_equal(read_bytes(f->to[1], 0), 5000);
	assert_int_equal(read_bytes(f->to[1], 0), 0);
}

/* Feeds n blocks of len bytes, one a turn, and takes them at the other end. */
static void feed(struct fixture *f, unsigned int n, size_t len)
{
	uint64_t at = f->pump.bytes;

	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(write_bytes(f->from[0], at, len), len);
		assert_int_equal(turn(f), PUMP_WAIT_READ);
		assert_int_equal(read_bytes(f->to[1], at), len);
		at += len;
	}
}

static void test_full_reads_make_bulk(void **state)
{
	struct fixture *f = *state;

	feed(f, 2, PUMP_BUFFER_SIZE);
	feed(f, 1, 100);
	feed(f, 2, PUMP_BUFFER_SIZE);
	assert_false(f->pump.bulk);
	assert_int_equal(f->tools.pipes.open, 0); /* until one is needed */
	feed(f, 1, PUMP_BUFFER_SIZE);
	assert_true(f->pump.bulk);
	feed(f, 1, PUMP_BUFFER_SIZE);
	assert_int_equal(f->tools.pipes.open, 1);
	assert_null(f->pump.pipe); /* given back */
}

static void test_rate_makes_bulk(void **state)
{
	struct fixture *f = *state;

	feed(f, 32, 32768);
	assert_false(f->pump.bulk);
	f->tools.now += 101;
	feed(f, 32, 32768);
	assert_false(f->pump.bulk);
	feed(f, 1, 32768);
	assert_true(f->pump.bulk);
}

static void test_small_reads_end_bulk(void **state)
{
	struct fixture *f = *state;

	feed(f, 7, 512);
	feed(f, 1, 32768);
	feed(f, 7, 512);
	assert_true(f->pump.bulk);
	feed(f, 1, 512);
	assert_false(f->pump.bulk);
	/* However many of them: copying them costs less. */
	feed(f, 3000, 512);
	assert_false(f->pump.bulk);
}

static void test_no_pipe_means_copy(void **state)
{
	struct fixture *f = *state;
	struct pipe *taken[2] = { pipes_take(&f->tools.pipes, 0), pipes_take(&f->tools.pipes, 0) };

	feed(f, 20, PUMP_BUFFER_SIZE);
	assert_true(f->pump.bulk);
	assert_null(f->pump.pipe);
	pipes_put(&f->tools.pipes, taken[0]);
	pipes_put(&f->tools.pipes, taken[1]);
	feed(f, 20, PUMP_BUFFER_SIZE);
}

/* Until a receiver has shown that it takes, little is read, and no pipe is borrowed. */
static void test_confined_holds_little(void **state)
{
	struct fixture *f = *state;
	uint64_t written = 0;
	enum pump_result r;
	ssize_t n;

	f->pump.roomy = false;
	do {
		while ((n = write_bytes(f->from[0], written, 4096)) > 0)
			written += (uint64_t)n;
		r = turn(f);
	} while (r != PUMP_WAIT_WRITE);
	assert_null(f->pump.pipe);
	assert_true(pump_held(&f->pump) <= PUMP_CONFINED_READ);
}

/* A stalled flow keeps its bytes, but not the pipe that they were in. */
static void test_confine_gives_the_pipe_back(void **state)
{
	struct fixture *f = *state;
	uint64_t written = 0, taken = 0;
	enum pump_result r;
	uint32_t held;
	int64_t n;

	do {
		while ((n = write_bytes(f->from[0], written, 4096)) > 0)
			written += (uint64_t)n;
		r = turn(f);
	} while (r != PUMP_WAIT_WRITE);
	assert_non_null(f->pump.pipe);
	held = pump_held(&f->pump);
	pump_confine(&f->pump, &f->tools);
	assert_null(f->pump.pipe);
	assert_int_equal(pump_held(&f->pump), held);
	assert_non_null(SLIST_FIRST(&f->tools.pipes.idle));
	do {
		n = read_bytes(f->to[1], taken);
		taken += n > 0 ? (uint64_t)n : 0;
		r = turn(f);
	} while (taken < written);
	assert_int_equal(f->pump.bytes, written);
}

/* What a broken connection leaves in a pipe must not reach the next one. */
static void test_pipe_with_bytes_is_closed(void **state)
{
	struct fixture *f = *state;
	uint64_t written = 0;
	enum pump_result r;
	ssize_t n;

	do {
		while ((n = write_bytes(f->from[0], written, 4096)) > 0)
			written += (uint64_t)n;
		r = turn(f);
	} while (r != PUMP_WAIT_WRITE);
	assert_non_null(f->pump.pipe);
	assert_true(f->pump.pipe->held > 0);
	pump_free(&f->pump, &f->tools);
	assert_null(f->pump.pipe);
	assert_int_equal(f->tools.pipes.open, 0);
}

int main(void)
{
#define BOTH_WAYS(test)                                                                            \
	{ #test " copied", test, setup, teardown, NULL },                                          \
	{                                                                                          \
#test " spliced", test, setup_bulk, teardown, NULL                                 \
	}
	const struct CMUnitTest tests[] = {
		BOTH_WAYS(test_bytes_then_fin),
		BOTH_WAYS(test_limit),
		BOTH_WAYS(test_back_pressure),
		BOTH_WAYS(test_fin_after_pending),
		BOTH_WAYS(test_yields),
		BOTH_WAYS(test_receiver_gone),
		BOTH_WAYS(test_source_reset),
		BOTH_WAYS(test_rest_has_no_fin),
		cmocka_unit_test_setup_teardown(test_last_fin_is_the_close, setup, teardown),
		cmocka_unit_test_setup_teardown(test_careful_reads_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fin_after_short_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_reads_make_bulk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rate_makes_bulk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_small_reads_end_bulk, setup_bulk, teardown),
		cmocka_unit_test_setup_teardown(test_no_pipe_means_copy, setup_bulk, teardown),
		cmocka_unit_test_setup_teardown(test_confined_holds_little, setup_bulk, teardown),
		cmocka_unit_test_setup_teardown(test_confine_gives_the_pipe_back, setup_bulk,
						teardown),
		cmocka_unit_test_setup_teardown(test_pipe_with_bytes_is_closed, setup_bulk,
						teardown),
	};

	signal(SIGPIPE, SIG_IGN); /* splice knows no MSG_NOSIGNAL; the daemon does the same */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
