/* SPDX-License-Identifier: BSD-2-Clause */
/* Upstream proxies as URLs: what is accepted, and what is refused with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/util.h"
#include "relay/config/proxy.h"

static void test_proxy_urls(void **state)
{
	static const char *const bad[] = {
		"",
		"socks5://",
		"socks4://10.0.0.1:1",
		"socks5://10.0.0.1",
		"socks5://1080",
		"socks5://proxy.example:1080",
		"socks5://2001:db8::1:1080",
		"socks5://user@10.0.0.1:1080",
		"socks5://:pass@10.0.0.1:1080",
		"socks5://us%0er:%00@10.0.0.1:1080",
		"socks5://us%:p@10.0.0.1:1080",
		"socks5://us%4:p@10.0.0.1:1080",
		"http://us%3aer:p@10.0.0.1:1080",
		"http://10.0.0.1:1080/",
		"https://10.0.0.1:1080",
		"10.0.0.1:1080",
	};
	char text[SADDR_TEXT_LEN];
	struct proxy p;
	const char *why;

	(void)state;
	assert_int_equal(proxy_parse("direct", &p, &why), 0);
	assert_int_equal(p.kind, PROXY_NONE);
	assert_int_equal(proxy_parse("socks5://10.0.0.1:1080", &p, &why), 0);
	assert_int_equal(p.kind, PROXY_SOCKS5);
	assert_string_equal(saddr_format(&p.addr, text), "10.0.0.1:1080");
	assert_string_equal(p.user, "");
	assert_int_equal(proxy_parse("socks5://[::ffff:10.0.0.1]:1080", &p, &why), 0);
	assert_string_equal(saddr_format(&p.addr, text), "10.0.0.1:1080");
	assert_int_equal(proxy_parse("http://u%40x:p:%25@%2F@[2001:db8::1]:3128", &p, &why), 0);
	assert_int_equal(p.kind, PROXY_HTTP);
	assert_string_equal(saddr_format(&p.addr, text), "[2001:db8::1]:3128");
	assert_string_equal(p.user, "u@x");
	assert_string_equal(p.pass, "p:%@/");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		why = NULL;
		if (!proxy_parse(bad[i], &p, &why))
			fail_msg("%s was taken", bad[i]);
		assert_non_null(why);
	}
	assert_string_equal(p.user, "u@x"); /* untouched by failures */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proxy_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
