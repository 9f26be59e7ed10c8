/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exchange with proxies and servers before the client's bytes: SOCKS5, HTTP CONNECT, then the
 * PROXY protocol; in any pieces, and directly followed by bytes of the destination.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "address.h"
#include "lib/util.h"
#include "relay/upstream/handshake.h"

/* A conversation: what we say and what the other side says, in turns. */

#define BYTES(text) (text), sizeof(text) - 1

struct turn {
	const char *we;
	size_t we_len;
	const char *they;
	size_t they_len;
};

static struct proxy proxy;
static struct handshake *handshake;
static int pair[2];

static void begin(const char *upstream, unsigned int version, const char *dst)
{
	union saddr client = address(strchr(dst, ':') ? "fd77:1::2" : "10.77.1.2", 40000);
	union saddr to = address(dst, 22);
	const struct handshake_want want = { &proxy, version, &client, &to };
	const char *why;

	memset(&proxy, 0, sizeof(proxy));
	assert_int_equal(proxy_parse(upstream, &proxy, &why), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(handshake_new(&want, &handshake), 0);
}

static void end(void)
{
	handshake_free(handshake);
	close(pair[0]);
	close(pair[1]);
}

static void expect_said(const char *text, size_t len)
{
	char buf[2048];
	ssize_t n = recv(pair[1], buf, sizeof(buf), 0);

	if (n < 0)
		n = 0;
	assert_int_equal(n, len);
	if (len)
		assert_memory_equal(buf, text, len);
}

/* Plays the turns in pieces of `step` bytes; the last answer has 'X' after it, the destination's. */
static void converse(const struct turn *turns, size_t count, size_t step)
{
	for (size_t i = 0; i < count; i++) {
		enum handshake_result r = handshake_run(handshake, pair[0]);

		expect_said(turns[i].we, turns[i].we_len);
		if (!turns[i].they_len) {
			assert_int_equal(r, HANDSHAKE_DONE);
			continue;
		}
		for (size_t off = 0; off < turns[i].they_len; off += step) {
			size_t left = turns[i].they_len - off;
			bool all = off && turns[i].they[off] == 'X' && left == 1;

			assert_int_equal(handshake_run(handshake, pair[0]),
					 all ? HANDSHAKE_DONE : HANDSHAKE_WAIT);
			assert_true(send(pair[1], turns[i].they + off, left < step ? left : step,
					 0) > 0);
		}
	}
}

static void expect_open(void)
{
	char next;

	assert_int_equal(handshake_run(handshake, pair[0]), HANDSHAKE_DONE);
	assert_int_equal(recv(pair[0], &next, 1, 0), 1);
	assert_int_equal(next, 'X');
}

static void test_nothing_to_say(void **state)
{
	(void)state;
	begin("direct", 0, "10.77.2.2");
	assert_null(handshake);
	end();
}

static void test_header_alone(void **state)
{
	static const struct turn turns[] = {
		{ BYTES("PROXY TCP4 10.77.1.2 10.77.2.2 40000 22\r\n"), NULL, 0 },
	};

	(void)state;
	begin("direct", 1, "10.77.2.2");
	converse(turns, ARRAY_SIZE(turns), 1);
	end();
}

static void test_socks(void **state)
{
	static const struct turn turns[] = {
		{ BYTES("\x05\x01\x00"), BYTES("\x05\x00") },
		{ BYTES("\x05\x01\x00\x01\x0a\x4d\x02\x02\x00\x16"),
		  BYTES("\x05\x00\x00\x01\x0a\x00\x00\x01\x12\x34X") },
	};

	(void)state;
	for (size_t step = 1; step < 20; step++) {
		begin("socks5://10.0.0.1:1080", 0, "10.77.2.2");
		converse(turns, ARRAY_SIZE(turns), step);
		expect_open();
		end();
	}
}

static void test_socks_password(void **state)
{
	static const struct turn turns[] = {
		{ BYTES("\x05\x01\x02"), BYTES("\x05\x02") },
		{ BYTES("\x01\x04user\x04pass"), BYTES("\x01\x00") },
		{ BYTES("\x05\x01\x00\x04\xfd\x77\0\x02\0\0\0\0\0\0\0\0\0\0\0\x02\x00\x16"),
		  BYTES("\x05\x00\x00\x04\xfd\x77\0\x02\0\0\0\0\0\0\0\0\0\0\0\x02\x12\x34X") },
	};

	(void)state;
	for (size_t step = 1; step < 30; step++) {
		begin("socks5://user:pass@10.0.0.1:1080", 0, "fd77:2::2");
		converse(turns, ARRAY_SIZE(turns), step);
		expect_open();
		end();
	}
}

/* A reply may name the bound address, even with an empty name. */
static void test_socks_names(void **state)
{
	static const struct turn named[] = {
		{ BYTES("\x05\x01\x00"), BYTES("\x05\x00") },
		{ BYTES("\x05\x01\x00\x01\x0a\x4d\x02\x02\x00\x16"),
		  BYTES("\x05\x00\x00\x03\x04host\x12\x34X") },
	};
	static const struct turn nameless[] = {
		{ BYTES("\x05\x01\x00"), BYTES("\x05\x00") },
		{ BYTES("\x05\x01\x00\x01\x0a\x4d\x02\x02\x00\x16"),
		  BYTES("\x05\x00\x00\x03\x00\x12\x34X") },
	};

	(void)state;
	begin("socks5://10.0.0.1:1080", 0, "10.77.2.2");
	converse(named, ARRAY_SIZE(named), 1);
	expect_open();
	end();
	begin("socks5://10.0.0.1:1080", 0, "10.77.2.2");
	converse(nameless, ARRAY_SIZE(nameless), 100);
	expect_open();
	end();
}

/* The PROXY header goes to the destination, so after the handshake. */
static void test_socks_then_header(void **state)
{
	static const struct turn turns[] = {
		{ BYTES("\x05\x01\x00"), BYTES("\x05\x00") },
		{ BYTES("\x05\x01\x00\x01\x0a\x4d\x02\x02\x00\x16"),
		  BYTES("\x05\x00\x00\x01\x0a\x00\x00\x01\x12\x34X") },
		{ BYTES("PROXY TCP4 10.77.1.2 10.77.2.2 40000 22\r\n"), NULL, 0 },
	};

	(void)state;
	begin("socks5://10.0.0.1:1080", 1, "10.77.2.2");
	converse(turns, ARRAY_SIZE(turns), 3);
	expect_open();
	end();
}

static void expect_failure(const char *upstream, const struct turn *turns, size_t count, int err)
{
	begin(upstream, 0, "10.77.2.2");
	converse(turns, count, 100);
	assert_int_equal(handshake_run(handshake, pair[0]), HANDSHAKE_FAILED);
	assert_int_equal(handshake_error(handshake), err);
	end();
}

static void test_socks_refusals(void **state)
{
	static const int errors[] = { EIO,          EACCES,       ENETUNREACH,
				      EHOSTUNREACH, ECONNREFUSED, ETIMEDOUT,
				      EOPNOTSUPP,   EAFNOSUPPORT, EPROTO };
	struct turn turns[] = {
		{ BYTES("\x05\x01\x00"), BYTES("\x05\x00") },
		{ BYTES("\x05\x01\x00\x01\x0a\x4d\x02\x02\x00\x16"), NULL, 0 },
	};
	char reply[3] = "\x05";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		reply[1] = (char)(i + 1);
		turns[1].they = reply;
		turns[1].they_len = 2;
		expect_failure("socks5://10.0.0.1:1080", turns, 2, errors[i]);
	}
	turns[1] = (struct turn){ BYTES("\x05\x01\x00\x01\x0a\x4d\x02\x02\x00\x16"),
				  BYTES("\x05\x00\x00\x07\x00") };
	expect_failure("socks5://10.0.0.1:1080", turns, 2, EPROTO);
	turns[0] = (struct turn){ BYTES("\x05\x01\x00"), BYTES("\x05\xff") };
	expect_failure("socks5://10.0.0.1:1080", turns, 1, EACCES);
	turns[0] = (struct turn){ BYTES("\x05\x01\x00"), BYTES("\x04\x00") };
	expect_failure("socks5://10.0.0.1:1080", turns, 1, EPROTO);
	turns[0] = (struct turn){ BYTES("\x05\x01\x00"), BYTES("HTTP/1.0 400 Bad\r\n") };
	expect_failure("socks5://10.0.0.1:1080", turns, 1, EPROTO);
}

/* A relay with a password never continues without it. */
static void test_socks_no_downgrade(void **state)
{
	static const struct turn turns[] = { { BYTES("\x05\x01\x02"), BYTES("\x05\x00") } };
	static const struct turn denied[] = { { BYTES("\x05\x01\x02"), BYTES("\x05\x02") },
					      { BYTES("\x01\x01u\x01p"), BYTES("\x01\x01") } };

	(void)state;
	expect_failure("socks5://u:p@10.0.0.1:1080", turns, 1, EACCES);
	expect_failure("socks5://u:p@10.0.0.1:1080", denied, 2, EACCES);
}

static void test_http(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 200 Connection established\r\n\r\nX",
		"HTTP/1.0 200\r\nVia: a\r\nX-Long: \r\r b\r\n\r\nX",
		"HTTP/1.1 204 ok\n\nX",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		for (size_t step = 1; step < 60; step++) {
			const struct turn turns[] = {
				{ BYTES("CONNECT 10.77.2.2:22 HTTP/1.1\r\nHost: 10.77.2.2:22\r\n\r\n"),
				  answers[i], strlen(answers[i]) },
			};

			begin("http://10.0.0.1:3128", 0, "10.77.2.2");
			converse(turns, 1, step);
			expect_open();
			end();
		}
	}
}

static void test_http_password(void **state)
{
	static const struct turn turns[] = {
		{ BYTES("CONNECT [fd77:2::2]:22 HTTP/1.1\r\nHost: [fd77:2::2]:22\r\n"
			"Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"),
		  BYTES("HTTP/1.1 200 OK\r\n\r\nX") },
	};

	(void)state;
	begin("http://Aladdin:open%20sesame@10.0.0.1:3128", 0, "fd77:2::2");
	converse(turns, 1, 100);
	expect_open();
	end();
}

static void test_http_refusals(void **state)
{
	static const struct {
		const char *answer;
		int err;
	} table[] = {
		{ "HTTP/1.1 403 Forbidden\r\n\r\n", EACCES },
		{ "HTTP/1.1 407 Auth\r\n\r\n", EACCES },
		{ "HTTP/1.1 502 Bad\r\n\r\n", EHOSTUNREACH },
		{ "HTTP/1.1 503 Unavailable\r\n", ECONNREFUSED },
		{ "HTTP/1.1 504 Timeout\r\n", ETIMEDOUT },
		{ "HTTP/1.1 100 Continue\r\n\r\n", EPROTO },
		{ "HTTP/1.1 2xx Fine\r\n\r\n", EPROTO },
		{ "HTTP/2.0 200 OK\r\n\r\n", EPROTO },
		{ "SSH-2.0-OpenSSH_9.2\r\n", EPROTO },
		{ "HTTP/1.1\n\n", EPROTO },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct turn turns[] = {
			{ BYTES("CONNECT 10.77.2.2:22 HTTP/1.1\r\nHost: 10.77.2.2:22\r\n\r\n"),
			  table[i].answer, strlen(table[i].answer) },
		};

		expect_failure("http://10.0.0.1:3128", turns, 1, table[i].err);
	}
}

/* The relay does not read a header without end for ever. */
static void test_http_endless(void **state)
{
	char line[1024];
	enum handshake_result r = HANDSHAKE_WAIT;

	(void)state;
	memset(line, 'a', sizeof(line));
	begin("http://10.0.0.1:3128", 0, "10.77.2.2");
	assert_int_equal(handshake_run(handshake, pair[0]), HANDSHAKE_WAIT);
	assert_int_equal(send(pair[1], "HTTP/1.1 200 OK\r\n", 17, 0), 17);
	for (int i = 0; i < 20 && r == HANDSHAKE_WAIT; i++) {
		assert_true(send(pair[1], line, sizeof(line), 0) > 0);
		r = handshake_run(handshake, pair[0]);
	}
	assert_int_equal(r, HANDSHAKE_FAILED);
	assert_int_equal(handshake_error(handshake), EPROTO);
	end();
}

static void test_proxy_hangs_up(void **state)
{
	(void)state;
	begin("socks5://10.0.0.1:1080", 0, "10.77.2.2");
	assert_int_equal(handshake_run(handshake, pair[0]), HANDSHAKE_WAIT);
	shutdown(pair[1], SHUT_WR);
	assert_int_equal(handshake_run(handshake, pair[0]), HANDSHAKE_FAILED);
	assert_int_equal(handshake_error(handshake), ECONNRESET);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_to_say), cmocka_unit_test(test_header_alone),
		cmocka_unit_test(test_socks),          cmocka_unit_test(test_socks_password),
		cmocka_unit_test(test_socks_names),    cmocka_unit_test(test_socks_then_header),
		cmocka_unit_test(test_socks_refusals), cmocka_unit_test(test_socks_no_downgrade),
		cmocka_unit_test(test_http),           cmocka_unit_test(test_http_password),
		cmocka_unit_test(test_http_refusals),  cmocka_unit_test(test_http_endless),
		cmocka_unit_test(test_proxy_hangs_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
