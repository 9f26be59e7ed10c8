/* SPDX-License-Identifier: BSD-2-Clause */
/* Access lists: their text, and the prefix tree against a model that looks at every entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "address.h"
#include "lib/util.h"
#include "relay/config/access.h"

static struct access lists;
static const char *why;

static const char *check(const char *client, const char *dst, uint16_t port)
{
	union saddr from = address(client, 40000), to = address(dst, port);

	return access_check(&lists, &from, &to);
}

/* text: entries separated by blanks. */
static void add(enum access_id id, const char *text)
{
	__cleanup_free char *copy = strdup(text);
	char *rest = copy;
	char *entry;

	assert_non_null(copy);
	lists.given[id] = true;
	while ((entry = strsep(&rest, " ")))
		if (access_add(&lists, id, entry, &why))
			fail_msg("%s: %s", entry, why);
}

static int forget(void **state)
{
	(void)state;
	access_free(&lists);
	memset(&lists, 0, sizeof(lists));
	return 0;
}

static void test_nothing_listed(void **state)
{
	(void)state;
	assert_null(check("10.0.0.1", "192.0.2.1", 80));
	assert_null(check("2001:db8::1", "2001:db8::2", 80));
}

static void test_deny(void **state)
{
	(void)state;
	add(ACCESS_DENY, "10.210.0.99 10.0.0.0/8:25 [2001:db8::/32]:1000-2000 2001:db8:1::/48");
	add(ACCESS_DENY, "all:6667");
	assert_string_equal(check("10.0.0.1", "10.210.0.99", 80), "deny");
	assert_null(check("10.210.0.99", "10.210.0.98", 80));
	assert_string_equal(check("10.0.0.1", "10.1.1.1", 25), "deny");
	assert_null(check("10.0.0.1", "11.0.0.0", 25));
	assert_null(check("::1", "2001:db8:2::1", 999));
	assert_string_equal(check("::1", "2001:db8:2::1", 1000), "deny");
	assert_string_equal(check("::1", "2001:db8:2::1", 2000), "deny");
	assert_null(check("::1", "2001:db8:2::1", 2001));
	assert_string_equal(check("::1", "2001:db8:1:ffff::1", 1), "deny");
	assert_string_equal(check("::1", "2002::1", 6667), "deny");
	assert_string_equal(check("1.1.1.1", "8.8.8.8", 6667), "deny");
	/* a mapped address reaches the IPv4 address in it */
}

static void test_deny_wins(void **state)
{
	(void)state;
	add(ACCESS_ALLOW, "10.0.0.5");
	add(ACCESS_DENY, "10.0.0.0/8");
	assert_string_equal(check("1.1.1.1", "10.0.0.5", 80), "deny");
	assert_string_equal(check("1.1.1.1", "11.0.0.5", 80), "allow");
}

static void test_allow(void **state)
{
	(void)state;
	add(ACCESS_ALLOW, "10.0.0.0/8:22 ::ffff:192.0.2.0/120");
	assert_null(check("1.1.1.1", "10.0.0.5", 22));
	assert_string_equal(check("1.1.1.1", "10.0.0.5", 23), "allow");
	assert_null(check("1.1.1.1", "192.0.2.77", 23));
	assert_string_equal(check("1.1.1.1", "2001:db8::1", 22), "allow");
	add(ACCESS_ALLOW_FROM, "100.64.0.0/10");
	assert_null(check("100.64.0.1", "10.0.0.5", 22));
	assert_string_equal(check("1.1.1.1", "10.0.0.5", 22), "allow-from");
	add(ACCESS_DENY_FROM, "100.64.0.1 fd00::/8");
	assert_string_equal(check("100.64.0.1", "10.0.0.5", 22), "deny-from");
	assert_null(check("100.64.0.2", "10.0.0.5", 22));
}

/* An empty list is not the same as no list. */
static void test_empty_list(void **state)
{
	(void)state;
	lists.given[ACCESS_ALLOW_FROM] = true;
	assert_string_equal(check("10.1.1.1", "10.1.1.2", 1), "allow-from");
}

static void bad(enum access_id id, const char *entry, const char *expected)
{
	why = NULL;
	if (!access_add(&lists, id, entry, &why))
		fail_msg("%s was taken", entry);
	assert_non_null(why);
	if (!strstr(why, expected))
		fail_msg("%s: got \"%s\", wanted \"%s\"", entry, why, expected);
}

static void test_bad_text(void **state)
{
	char long_entry[400];

	(void)state;
	bad(ACCESS_DENY, "10.0.0.1/8", "host bits");
	bad(ACCESS_DENY, "10.0.0.0/33", "prefix length is 0 to 32");
	bad(ACCESS_DENY, "nonsense", "not an IPv4 or IPv6 prefix");
	bad(ACCESS_DENY, "10.0.0.0/8 10.0.0.0/9", "prefix length");
	bad(ACCESS_DENY, "10.0.0.0/8:", "not a port number");
	bad(ACCESS_DENY, "10.0.0.0/8:0", "ports are 1 to 65535");
	bad(ACCESS_DENY, "10.0.0.0/8:30-20", "range ends");
	bad(ACCESS_DENY, "[2001:db8::1", "brackets");
	bad(ACCESS_DENY, "[2001:db8::1]22", "brackets");
	bad(ACCESS_DENY, "[all]22", "brackets");
	bad(ACCESS_DENY, "@/nonexistent/list", "not an IPv4 or IPv6 prefix");
	bad(ACCESS_DENY_FROM, "10.0.0.1:22", "clients have no ports");
	memset(long_entry, '1', sizeof(long_entry));
	long_entry[sizeof(long_entry) - 1] = '\0';
	bad(ACCESS_DENY, long_entry, "not an IPv4 or IPv6 prefix");
}

/* --- the tree against the model --- */

#define ENTRIES 400
#define PROBES 4000
#define ROUNDS 10

static uint32_t seed;

static uint32_t random32(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

/* Few distinct bits, so that prefixes nest and collide. */
static void random_bytes(uint8_t *addr, size_t size)
{
	for (size_t i = 0; i < size; i++)
		addr[i] = random32() % 4 ? (uint8_t)(random32() % 3 << 6) : (uint8_t)random32();
}

static void random_prefix(struct prefix *p)
{
	unsigned int bits;

	memset(p, 0, sizeof(*p));
	p->family = random32() % 2 ? AF_INET : AF_INET6;
	bits = p->family == AF_INET ? 32 : 128;
	random_bytes(p->addr, bits / 8);
	p->len = (uint8_t)(random32() % (bits + 1));
	for (unsigned int i = p->len; i < bits; i++)
		p->addr[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
}

static bool model_has(const struct prefix *prefixes, const struct port_range *ranges,
		      const union saddr *a)
{
	struct prefix one = { .family = (uint8_t)a->sa.sa_family,
			      .len = a->sa.sa_family == AF_INET ? 32 : 128 };

	memcpy(one.addr, one.family == AF_INET ? (const void *)&a->v4.sin_addr : &a->v6.sin6_addr,
	       one.len / 8);
	for (int i = 0; i < ENTRIES; i++)
		if (prefix_covers(&prefixes[i], &one) &&
		    (!ranges[i].first ||
		     (saddr_port(a) >= ranges[i].first && saddr_port(a) <= ranges[i].last)))
			return true;
	return false;
}

static void random_range(struct port_range *range)
{
	*range = (struct port_range){ 0 };
	if (random32() % 4 == 0)
		return;
	range->first = (uint16_t)(1 + random32() % 20);
	range->last = (uint16_t)(range->first + random32() % 5);
}

/* Near a prefix: inside, or different in one bit. */
static void random_address(const struct prefix *near, union saddr *a)
{
	bool v4 = near->family == AF_INET;
	uint8_t *bytes = v4 ? (uint8_t *)&a->v4.sin_addr : a->v6.sin6_addr.s6_addr;
	unsigned int flip = random32() % (v4 ? 32 : 128);

	memset(a, 0, sizeof(*a));
	a->sa.sa_family = near->family;
	memcpy(bytes, near->addr, v4 ? 4 : 16);
	bytes[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
	saddr_set_port(a, (uint16_t)(random32() % 26));
}

static void test_model(void **state)
{
	static struct prefix prefixes[ENTRIES];
	static struct port_range ranges[ENTRIES];
	unsigned int found = 0;

	(void)state;
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		struct access_tree tree = { 0 };

		seed = round << 20;
		for (int i = 0; i < ENTRIES; i++) {
			random_prefix(&prefixes[i]);
			/* short ones cover so much that the others never decide */
			if (prefixes[i].len < 6 && random32() % 16)
				prefixes[i] = prefixes[i ? i - 1 : 0];
			random_range(&ranges[i]);
			assert_int_equal(access_tree_add(&tree, &prefixes[i], &ranges[i]), 0);
		}
		for (int i = 0; i < PROBES; i++) {
			union saddr a;
			bool has;

			random_address(&prefixes[random32() % ENTRIES], &a);
			has = access_tree_has(&tree, &a);
			found += has;
			assert_int_equal(has, model_has(prefixes, ranges, &a));
		}
		access_tree_free(&tree);
	}
	/* both answers occurred */
	assert_in_range(found, PROBES, (ROUNDS - 1) * PROBES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_nothing_listed, forget),
		cmocka_unit_test_teardown(test_deny, forget),
		cmocka_unit_test_teardown(test_deny_wins, forget),
		cmocka_unit_test_teardown(test_allow, forget),
		cmocka_unit_test_teardown(test_empty_list, forget),
		cmocka_unit_test_teardown(test_bad_text, forget),
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
