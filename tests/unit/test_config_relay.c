/* SPDX-License-Identifier: BSD-2-Clause */
/* Section [relay] of the configuration file, whose keys the caller of the reader knows. */
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

static int take_relay(void *arg, const char *key, const char *value, const char **ret_why)
{
	*ret_why = "no such thing";
	return strcmp(value, "bad") ? 0 : -EINVAL;
}

static bool is_relay_list(const char *key)
{
	return !strcmp(key, "list");
}

static const char *relay_shown(const char *key, const char *value)
{
	return strcmp(key, "secret") ? value : "...";
}

static int add_relay(void *arg, const char *key, const char *entry, const char **ret_why)
{
	return take_relay(arg, key, entry, ret_why);
}

/* The first and the third of three checks fail. */
static int check_relay(void *arg, unsigned int n, char *ret_why, size_t size)
{
	if (n == 3)
		return -ENOENT;
	snprintf(ret_why, size, "not together (%u)", n);
	return *(const bool *)arg || n == 1 ? 0 : -EINVAL;
}

static void expect_relay_errors(const char *text, bool together, const char *expected)
{
	static const struct config_taker relay = {
		.set = take_relay, .add = add_relay, .is_list = is_relay_list, .shown = relay_shown
	};
	const struct config_reader reader = { .name = "file",
					      .report.error = on_error,
					      .relay = &relay,
					      .rule_lists = CONFIG_LISTS_SKIP,
					      .check_relay = check_relay,
					      .check_arg = &together };
	struct config config __cleanup_config = { 0 };
	__cleanup_file FILE *in = fmemopen((void *)text, strlen(text), "r");

	errors[0] = '\0';
	assert_non_null(in);
	assert_int_equal(config_read(&reader, in, &config), *expected ? -EINVAL : 0);
	assert_string_equal(errors, expected);
}

static void test_relay(void **unused)
{
	expect_relay_errors("[relay]\na = 1\nlist = 1\n  2\nlist = 3\n", true, "");
	expect_relay_errors("[relay]\na = bad\nsecret = bad\n", true,
			    "2: a = bad: no such thing\n3: secret = ...: no such thing\n");
	expect_relay_errors(
		"[relay]\nlist = 1 bad, 2\n  bad bad\n", true,
		"2: bad: no such thing\n3: bad: no such thing\n3: bad: no such thing\n");
	expect_relay_errors("[relay]\nlist = @/nosuch/file\n", true,
			    "2: @/nosuch/file: cannot be read: No such file or directory\n");
	expect_relay_errors("[relay]\na = 1\n  2\nb = 1\nb = 2\n", true,
			    "3: a = 2: takes one line only\n5: b = 2: given twice\n");
	expect_relay_errors("\n[relay]\na = 1\n", false,
			    "2: [relay]: not together (0)\n2: [relay]: not together (2)\n");
	expect_relay_errors("[rule a]\n", false, "");
	/* Lists of rules are not opened where they are to be skipped. */
	expect_relay_errors("[rule a]\nto = @/nosuch/file\n", true, "");
	expect_relay_errors("[loader]\nx = y\n[rule a]\nports = z\n[zone z]\nx = y\n", true,
			    "2: x: unknown key\n4: z: not a port number\n6: x: unknown key\n");
	expect_relay_errors("[rule a]\n[rule a]\n[realy]\n", true,
			    "2: [rule a]: there is a rule of that name already\n"
			    "3: [realy]: unknown section\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_relay),
	};

	return cmocka_run_group_tests_name("config_relay", tests, NULL, NULL);
}
