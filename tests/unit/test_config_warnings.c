/* SPDX-License-Identifier: BSD-2-Clause */
/* Warnings about destinations of rules that Linux never forwards to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config_errors.h"
#include "lib/util.h"
#include "policy/config/read.h"

/* Warnings of a text that has no errors, one a line. */
static void expect_warnings(const char *text, const char *expected)
{
	static const struct config_reader reader = { .name = "test",
						     .report.error = on_error,
						     .report.warning = on_error };
	struct config config __cleanup_config = { 0 };
	__cleanup_file FILE *in = fmemopen((void *)text, strlen(text), "r");

	errors[0] = '\0';
	assert_non_null(in);
	assert_int_equal(config_read(&reader, in, &config), 0);
	assert_string_equal(errors, expected);
}

#define DEAD(line, rule)                                                                           \
#line ": [rule " rule "]: can never match: nothing is forwarded to its destinations\n"
#define NEVER(line, prefix, what)                                                                  \
#line ": " prefix ": never matches: Linux does not forward " what "\n"

static void test_never_forwarded(void **unused)
{
	expect_warnings(
		"[rule a]\nto = 0.0.0.0/0 169.254.0.0/16 240.0.0.0/4 255.255.255.254 "
		"0.0.0.0/8 0.0.0.1 126.0.0.0/7 fe00::/9 ::/127 fec0::/10 128.0.0.1\nfrom = 127.0.0.1 ::1\n",
		"");
	expect_warnings("[rule a]\nto = 127.1.2.3 10.0.0.0/8\n",
			NEVER(2, "127.1.2.3", "loopback (127.0.0.0/8)"));
	expect_warnings("[rule b]\n\nto = 0.0.0.0\n     255.255.255.255, 239.1.1.1/32\n[rule c]\n",
			NEVER(3, "0.0.0.0", "the unspecified address")
				NEVER(4, "255.255.255.255", "the limited broadcast address")
					NEVER(4, "239.1.1.1/32", "multicast (224.0.0.0/4)")
						DEAD(1, "b"));
	expect_warnings("[rule d]\nto = :: ::1 ff02::1 fe80::/10\naction = drop\n",
			NEVER(2, "::", "the unspecified address") NEVER(2, "::1", "loopback (::1)")
				NEVER(2, "ff02::1", "multicast (ff00::/8)")
					NEVER(2, "fe80::/10", "link-local (fe80::/10)")
						DEAD(1, "d"));
	expect_warnings("[rule e]\nto = none\n", "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never_forwarded),
	};

	return cmocka_run_group_tests_name("config_warnings", tests, NULL, NULL);
}
