/* SPDX-License-Identifier: BSD-2-Clause */
/* The greeting of an upstream, which asks for no connection. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "relay/upstream/greeting.h"

static struct proxy proxy_of(const char *url)
{
	struct proxy proxy;
	const char *why;

	assert_int_equal(proxy_parse(url, &proxy, &why), 0);
	return proxy;
}

/* Sends the answer; said: all that it got for it. Returns as the last greeting_take. */
static int talk(const char *url, const char *answer, size_t len, char *said)
{
	struct proxy proxy = proxy_of(url);
	struct greeting g;
	uint8_t out[GREETING_OUT_MAX];
	size_t n = greeting_begin(&g, &proxy, out), total = n;
	int r = 0;

	memcpy(said, out, n);
	for (size_t i = 0; i < len && !r; i++) {
		r = greeting_take(&g, (uint8_t)answer[i], out, &n);
		if (r)
			break;
		memcpy(said + total, out, n);
		total += n;
	}
	said[total] = '\0';
	return r;
}

static void test_socks(void **state)
{
	char said[2048];

	(void)state;
	assert_int_equal(talk("socks5://192.0.2.1:1080", "\5\0", 2, said), 1);
	assert_memory_equal(said, "\5\1\0", 3);
	assert_int_equal(talk("socks5://192.0.2.1:1080", "\5\377", 2, said), -EACCES);
	assert_int_equal(talk("socks5://192.0.2.1:1080", "HT", 2, said), -EPROTO);
	assert_int_equal(talk("socks5://u:p@192.0.2.1:1080", "\5\2", 2, said), 0);
	assert_int_equal(talk("socks5://u:p@192.0.2.1:1080", "\5\2\1\0", 4, said), 1);
	assert_memory_equal(said, "\5\1\2\1\1u\1p", 8);
	assert_int_equal(talk("socks5://u:p@192.0.2.1:1080", "\5\2\1\1", 4, said), -EACCES);
}

static void test_http(void **state)
{
	char said[2048];

	(void)state;
	assert_int_equal(talk("http://[2001:db8::1]:3128", "HTTP/1.0 400", 12, said), 1);
	assert_string_equal(said, "OPTIONS * HTTP/1.1\r\nHost: [2001:db8::1]:3128\r\n"
				  "Max-Forwards: 0\r\nConnection: close\r\n\r\n");
	assert_int_equal(talk("http://u:p@192.0.2.1:3128", "HTTP/1", 6, said), 0);
	assert_null(strstr(said, "Authorization"));
	assert_int_equal(talk("http://192.0.2.1:3128", "SSH-2.0", 7, said), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_socks),
		cmocka_unit_test(test_http),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
