/* SPDX-License-Identifier: BSD-2-Clause */
/* Names that others wrote, made fit for a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/plain.h"
#include "lib/util.h"

static void keeps_what_is_printable(void **state)
{
	char all[128] = "", buf[128];

	for (int c = ' '; c <= '~'; c++)
		all[c - ' '] = (char)c;
	assert_string_equal(plain_text(all, sizeof(all), buf, sizeof(buf)), all);
}

static void replaces_all_else(void **state)
{
	char buf[8];

	for (int c = 1; c < 256; c++) {
		const char text[] = { 'a', (char)c, 'b', '\0' };

		if (c >= ' ' && c <= '~')
			continue;
		assert_string_equal(plain_text(text, sizeof(text), buf, sizeof(buf)), "a?b");
	}
}

static void ends_where_the_room_or_the_text_ends(void **state)
{
	const char text[4] = { 'a', 'b', 'c', 'd' }; /* no zero */
	char buf[8];

	assert_string_equal(plain_text(text, sizeof(text), buf, sizeof(buf)), "abcd");
	assert_string_equal(plain_text(text, 2, buf, sizeof(buf)), "ab");
	assert_string_equal(plain_text(text, sizeof(text), buf, 3), "ab");
	assert_string_equal(plain_text("a\0b", 3, buf, sizeof(buf)), "a");
	assert_string_equal(plain_text("", 0, buf, sizeof(buf)), "");
	buf[0] = 'x';
	plain_text(text, sizeof(text), buf, 0);
	assert_int_equal(buf[0], 'x');
}

static void replaces_in_place(void **unused)
{
	char text[] = "a\033[31m\xffz";

	plain_make(text);
	assert_string_equal(text, "a?[31m?z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_what_is_printable),
		cmocka_unit_test(replaces_all_else),
		cmocka_unit_test(ends_where_the_room_or_the_text_ends),
		cmocka_unit_test(replaces_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
