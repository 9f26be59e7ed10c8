/* SPDX-License-Identifier: BSD-2-Clause */
/* The lines of an INI file: the kind of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/ini.h"
#include "lib/line.h"
#include "lib/util.h"

static char seen[4096];

/* One line of `seen` for each: number, kind, and the parts of that kind. */
static int note(const struct ini_line *line, void *arg)
{
	size_t len = strlen(seen), room = sizeof(seen) - len;
	char *to = seen + len;

	switch (line->kind) {
	case INI_SECTION:
		snprintf(to, room, "%u [%s]\n", line->number, line->name);
		break;
	case INI_KEY:
		snprintf(to, room, "%u %s=%s\n", line->number, line->name, line->value);
		break;
	case INI_CONTINUED:
		snprintf(to, room, "%u %s+%s\n", line->number, line->name, line->value);
		break;
	case INI_TEXT:
		snprintf(to, room, "%u '%s'\n", line->number, line->text);
		break;
	case INI_ERROR:
		snprintf(to, room, "%u !%s: %s\n", line->number, line->text, line->why);
	}
	return 0;
}

static int read_bytes(const char *text, size_t len)
{
	__cleanup_file FILE *in = fmemopen((void *)text, len, "r");

	seen[0] = '\0';
	assert_non_null(in);
	return ini_read(in, note, NULL);
}

static void expect(const char *text, const char *expected)
{
	assert_int_equal(read_bytes(text, strlen(text)), 0);
	assert_string_equal(seen, expected);
}

static void test_sections(void **unused)
{
	expect("[a]\n", "1 [a]\n");
	expect("[rule a b]", "1 [rule a b]\n");
	expect("  [ a ]  \r\n", "1 [a]\n");
	expect("[]", "1 []\n");
	expect("[a] ; comment\n[b];comment\n[c] # comment\n", "1 [a]\n2 [b]\n3 [c]\n");
	expect("[a", "1 ![a: expected [SECTION]\n");
	expect("[a] b\n", "1 ![a] b: expected [SECTION]\n");
	expect("[a]=b\n", "1 ![a]=b: expected [SECTION]\n");
	expect("[a ;]\n", "1 [a ;]\n");
}

static void test_keys(void **unused)
{
	expect("a = b\n", "1 a=b\n");
	expect("a=b", "1 a=b\n");
	expect("\ta b \v=\f c d \r\n", "1 a b=c d\n");
	expect("a: b = c\na = b: c\n", "1 a=b = c\n2 a=b: c\n");
	expect("a =\nb:\n", "1 a=\n2 b=\n");
	expect("a = [b]\na = #b\n", "1 a=[b]\n2 a=#b\n");
	expect("= a\n: b\n", "1 '= a'\n2 ': b'\n");
	expect("a\n b\n", "1 'a'\n2 'b'\n");
}

static void test_addresses_in_brackets(void **unused)
{
	expect("[::1]:80 = [::2]:80\n", "1 [::1]:80=[::2]:80\n");
	expect("a = b\n  [::1]:80\n[::1]:80\n[::1]:\n",
	       "1 a=b\n2 a+[::1]:80\n3 '[::1]:80'\n4 '[::1]:'\n");
	expect("[a ;]: b\n", "1 '[a'\n");
	expect("  [::1]\n", "1 [::1]\n");
}

static void test_continued(void **unused)
{
	expect("a = b\n c\n\td:e\n", "1 a=b\n2 a+c\n3 a+d:e\n");
	expect("a = b\n\n# x\n c\n", "1 a=b\n4 a+c\n");
	expect("a = b\n c = d\n e\n", "1 a=b\n2 c=d\n3 c+e\n");
	expect("a = b\nc\n d\n", "1 a=b\n2 'c'\n3 a+d\n");
	expect("a = b\n c ; d = e\n", "1 a=b\n2 a+c\n");
	expect("a = b\n[c]\n d\n e:f\n", "1 a=b\n2 [c]\n3 'd'\n4 e=f\n");
	expect("a = b\n[c\n d\n", "1 a=b\n2 ![c: expected [SECTION]\n3 'd'\n");
}

static void test_comments(void **unused)
{
	expect("; a = b\n# a = b\n  ; a\n \t# b\n\n \r\n", "");
	expect("a = b ; c\n", "1 a=b\n");
	expect("a = b;c\n", "1 a=b;c\n");
	expect("a = b;c\t;d ;e\n", "1 a=b;c\n");
	expect("a = b # c\n", "1 a=b # c\n");
	expect("a = ; b\na =; b\n", "1 a=\n2 a=; b\n");
	expect("a ; = b\n", "1 'a'\n");
}

static void test_bytes(void **unused)
{
	static const char nul[] = "a = b\0c\nd = e\n";

	expect("\xef\xbb\xbf[a]\n\xef\xbb\xbf[b]\n", "1 [a]\n2 '\xef\xbb\xbf[b]'\n");
	expect("\xef\xbb\xbf", "");
	expect("\xef\xbb\xbf b = c\n", "1 b=c\n");
	expect("a = \xc3\xa9\x1b\n", "1 a=\xc3\xa9\x1b\n");
	expect("a = b\r\n c\r\n\r\nd = e\r", "1 a=b\n2 a+c\n4 d=e\n");
	assert_int_equal(read_bytes(nul, sizeof(nul) - 1), 0);
	assert_string_equal(seen, "1 !: NUL byte\n2 d=e\n");
}

static int count_length(const struct ini_line *line, void *arg)
{
	*(size_t *)arg = line->kind == INI_ERROR ? 0 : strlen(line->value);
	return 0;
}

/* "a=" and a value that makes a line of len bytes with its end. */
static int read_long(size_t len, size_t *ret_value_len)
{
	char *text = malloc(len + 6);
	__cleanup_file FILE *in = NULL;
	int err;

	assert_non_null(text);
	memset(text, 'x', len);
	memcpy(text, "a=", 2);
	memcpy(text + len - 1, "\n; end", 6);
	in = fmemopen(text, len + 5, "r");
	err = ini_read(in, count_length, ret_value_len);
	free(text);
	return err;
}

static void test_length(void **unused)
{
	static const size_t fine[] = { 198, 199, 200, 65534, 65536, 65537, LINE_MAX_LEN };
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
		assert_int_equal(read_long(fine[i], &len), 0);
		assert_int_equal(len, fine[i] - 3);
	}
	assert_int_equal(read_long(LINE_MAX_LEN + 1, &len), -EFBIG);
	assert_int_equal(len, 0);
}

static int stop_at_two(const struct ini_line *line, void *arg)
{
	*(unsigned int *)arg = line->number;
	return line->number == 2 ? -ENOTTY : 0;
}

static void test_stop(void **unused)
{
	static const char text[] = "a = b\nc = d\ne = f\n";
	__cleanup_file FILE *in = fmemopen((void *)text, strlen(text), "r");
	__cleanup_file FILE *dir = fopen("/", "r");
	unsigned int number = 0;

	assert_int_equal(ini_read(in, stop_at_two, &number), -ENOTTY);
	assert_int_equal(number, 2);
	assert_non_null(dir);
	assert_int_equal(ini_read(dir, note, NULL), -EISDIR);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_addresses_in_brackets),
		cmocka_unit_test(test_continued),
		cmocka_unit_test(test_comments),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_stop),
	};

	return cmocka_run_group_tests_name("ini", tests, NULL, NULL);
}
