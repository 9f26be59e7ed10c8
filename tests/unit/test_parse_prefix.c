/* SPDX-License-Identifier: BSD-2-Clause */
/* Prefixes: text that is accepted and refused, the text printed for them, order and cover. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "lib/parse.h"
#include "lib/util.h"
#include "prefix.h"

/* ---- text --------------------------------------------------------------- */

static unsigned int bits_of(__u8 family)
{
	return family == AF_INET ? 32 : 128;
}

static bool bit_of(const __u8 *addr, unsigned int n)
{
	return addr[n / 8] >> (7 - n % 8) & 1;
}

static void set_bit(__u8 *addr, unsigned int n)
{
	addr[n / 8] |= (__u8)(0x80 >> n % 8);
}

static const struct {
	const char *text, *back;
	__u8 family, len;
} prefixes[] = {
	{ "10.0.0.0/8", "10.0.0.0/8", AF_INET, 8 },
	{ "10.1.2.3", "10.1.2.3", AF_INET, 32 },
	{ "10.1.2.3/32", "10.1.2.3", AF_INET, 32 },
	{ "0.0.0.0/0", "0.0.0.0/0", AF_INET, 0 },
	{ "0.0.0.0", "0.0.0.0", AF_INET, 32 },
	{ "255.255.255.255", "255.255.255.255", AF_INET, 32 },
	{ "128.0.0.0/1", "128.0.0.0/1", AF_INET, 1 },
	{ "10.210.0.0/024", "10.210.0.0/24", AF_INET, 24 },
	{ "::/0", "::/0", AF_INET6, 0 },
	{ "::", "::", AF_INET6, 128 },
	{ "::1", "::1", AF_INET6, 128 },
	{ "2001:db8::/32", "2001:db8::/32", AF_INET6, 32 },
	{ "2001:0DB8:0:0::1/128", "2001:db8::1", AF_INET6, 128 },
	{ "::ffff:1.2.3.4", "::ffff:1.2.3.4", AF_INET6, 128 },
	{ "::ffff:0.0.0.0/96", "::ffff:0.0.0.0/96", AF_INET6, 96 },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", AF_INET6, 128 },
};

static void test_prefix_accepted(void **unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		char buf[PREFIX_TEXT_LEN];
		const char *why = NULL;
		struct prefix p;

		if (parse_prefix(prefixes[i].text, &p, &why))
			fail_msg("\"%s\": %s", prefixes[i].text, why);
		assert_int_equal(p.family, prefixes[i].family);
		assert_int_equal(p.len, prefixes[i].len);
		assert_ptr_equal(prefix_format(&p, buf), buf);
		assert_string_equal(buf, prefixes[i].back);
		assert_null(why);
	}
}

/* clang-format off */
static const char *const bad_prefixes[] = {
	"", "/", "/8", "10", "10/8", "10.0.0/24", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
	"10.0.0.0/+8", "10.0.0.0/ 8", " 10.0.0.0/8", "10.0.0.0/8 ", "10.0.0.0 /8", "10.0.0.0/8/8",
	"10.0.0.0/255.0.0.0", "10.0.0.256", "10.0.0.1.2", "010.0.0.1", "0x0a.0.0.1", "10.0.0.1:80",
	"::/129", "::/4294967296", "::/x", "2001:db8", "2001:db8::1::2", "[::1]", "::1%lo", "g::",
	"1:2:3:4:5:6:7:8:9", "::ffff:1.2.3.4.5", "example.org", "all", "@file",
	"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb",
	"10.0.0.1/8", "10.0.0.1/31", "0.0.0.1/0", "2001:db8::1/32", "::1/127", "::1/0",
};
/* clang-format on */

static void test_prefix_refused(void **unused)
{
	struct prefix before = { .family = 99, .len = 98, .addr = { 1, 2, 3 } };

	for (size_t i = 0; i < ARRAY_SIZE(bad_prefixes); i++) {
		struct prefix p = before;
		const char *why = NULL;

		if (parse_prefix(bad_prefixes[i], &p, &why) != -EINVAL)
			fail_msg("\"%s\" was not refused", bad_prefixes[i]);
		assert_true(why && *why);
		assert_memory_equal(&p, &before, sizeof(p));
	}
}

/* One bit in each place, each length: accepted exactly if the bit is within the length. */
static void check_host_bits(__u8 family)
{
	for (unsigned int bit = 0; bit < bits_of(family); bit++) {
		char text[PREFIX_TEXT_LEN], addr[INET6_ADDRSTRLEN];
		__u8 bytes[16] = { 0 };

		set_bit(bytes, bit);
		inet_ntop(family, bytes, addr, sizeof(addr));
		for (unsigned int len = 0; len <= bits_of(family); len++) {
			const char *why = NULL;
			struct prefix p;
			int err;

			snprintf(text, sizeof(text), "%s/%u", addr, len);
			err = parse_prefix(text, &p, &why);
			if (err != (bit < len ? 0 : -EINVAL))
				fail_msg("%s: %d", text, err);
			if (err)
				assert_string_equal(why, "host bits are set");
			else
				assert_memory_equal(p.addr, bytes, sizeof(bytes));
		}
	}
}

static void test_host_bits4(void **unused)
{
	check_host_bits(AF_INET);
}

static void test_host_bits6(void **unused)
{
	check_host_bits(AF_INET6);
}

/* All ones up to each length and no further: the largest prefix of that length. */
static void check_format_back(__u8 family)
{
	for (unsigned int len = 0; len <= bits_of(family); len++) {
		struct prefix p = { .family = family, .len = (__u8)len }, back;
		char buf[PREFIX_TEXT_LEN];
		const char *why = NULL;

		for (unsigned int bit = 0; bit < len; bit++)
			set_bit(p.addr, bit);
		prefix_format(&p, buf);
		if (parse_prefix(buf, &back, &why))
			fail_msg("%s: %s", buf, why);
		assert_memory_equal(&p, &back, sizeof(p));
		assert_int_equal(prefix_cmp(&p, &back), 0);
		assert_int_equal(!strchr(buf, '/'), len == bits_of(family));
	}
}

static void test_format_back(void **unused)
{
	check_format_back(AF_INET);
	check_format_back(AF_INET6);
}

/* ---- order and cover ---------------------------------------------------- */

/* In the order that the tables rely on. */
/* clang-format off */
static const char *const sorted[] = {
	"0.0.0.0/0", "0.0.0.0/1", "0.0.0.0", "10.0.0.0/7", "10.0.0.0/8", "10.0.0.0/9", "10.0.0.0/24",
	"10.0.0.0", "10.0.0.1", "10.1.0.0/16", "11.0.0.0/8", "128.0.0.0/1", "255.255.255.255",
	"::/0", "::", "::1", "::ffff:10.0.0.0/104", "2001:db8::/32", "2001:db8::/33", "2001:db8::",
	"2001:db8:8000::/33", "8000::/1", "ff00::/8",
};
/* clang-format on */

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static void test_cmp(void **unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(sorted); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(sorted); j++) {
			struct prefix a = prefix(sorted[i]), b = prefix(sorted[j]);
			int expected = (i > j) - (i < j);

			if (sign(prefix_cmp(&a, &b)) != expected)
				fail_msg("%s <=> %s is not %d", sorted[i], sorted[j], expected);
		}
	}
}

static bool covers_bit_by_bit(const struct prefix *a, const struct prefix *b)
{
	if (a->family != b->family || a->len > b->len)
		return false;
	for (unsigned int bit = 0; bit < a->len; bit++)
		if (bit_of(a->addr, bit) != bit_of(b->addr, bit))
			return false;
	return true;
}

static void test_covers_pairs(void **unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(sorted); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(sorted); j++) {
			struct prefix a = prefix(sorted[i]), b = prefix(sorted[j]);

			if (prefix_covers(&a, &b) != covers_bit_by_bit(&a, &b))
				fail_msg("%s covers %s?", sorted[i], sorted[j]);
		}
	}
}

/* A prefix of each length, and the same with each of its bits turned over. */
static void check_cover_boundaries(__u8 family)
{
	for (unsigned int len = 0; len <= bits_of(family); len++) {
		struct prefix inner = { .family = family, .len = (__u8)bits_of(family) };
		struct prefix outer = { .family = family, .len = (__u8)len };

		for (unsigned int bit = 0; bit < len; bit += 3)
			set_bit(outer.addr, bit);
		for (unsigned int bit = 0; bit < bits_of(family); bit++) {
			memcpy(inner.addr, outer.addr, sizeof(inner.addr));
			inner.addr[bit / 8] ^= (__u8)(0x80 >> bit % 8);
			if (prefix_covers(&outer, &inner) != (bit >= len))
				fail_msg("family %u: /%u, bit %u turned over", family, len, bit);
			assert_false(len < bits_of(family) && prefix_covers(&inner, &outer));
		}
	}
}

static void test_cover_boundaries(void **unused)
{
	check_cover_boundaries(AF_INET);
	check_cover_boundaries(AF_INET6);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefix_accepted), cmocka_unit_test(test_prefix_refused),
		cmocka_unit_test(test_host_bits4),      cmocka_unit_test(test_host_bits6),
		cmocka_unit_test(test_format_back),     cmocka_unit_test(test_cmp),
		cmocka_unit_test(test_covers_pairs),    cmocka_unit_test(test_cover_boundaries),
	};

	return cmocka_run_group_tests_name("parse_prefix", tests, NULL, NULL);
}
