/* SPDX-License-Identifier: BSD-2-Clause */
/* Owners of own traffic: as text, as keys of the map, as sets, and the record of their names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/maps/owner_names.h"
#include "lib/util.h"
#include "policy/policy.h"

static void put(struct owner_set *set, enum tproxy_owner_kind kind, const char *text)
{
	const char *why = "";

	if (policy_parse_owners(text, kind, set, &why))
		fail_msg("%s: %s", text, why);
}

static void expect(const struct owner_set *set, const char *expected)
{
	char text[1024] = "", buf[OWNER_TEXT_LEN];

	for (size_t i = 0; i < set->n; i++) {
		size_t len = strlen(text);

		snprintf(text + len, sizeof(text) - len, "%s%s%s", len ? " " : "",
			 owner_text(&set->items[i], buf), set->items[i].known ? "" : "?");
	}
	assert_string_equal(text, expected);
}

static void expect_text(enum tproxy_owner_kind kind, const char *text, const char *expected)
{
	struct owner_set set = { 0 };

	put(&set, kind, text);
	expect(&set, expected);
	owner_set_free(&set);
}

static void test_text(void **unused)
{
	expect_text(TPROXY_OWNER_UID, "0,1000-1999,4294967294", "0 1000-1999 4294967294");
	expect_text(TPROXY_OWNER_UID, "alice,www-data,svc$,dom\\bob",
		    "alice? www-data? svc$? dom\\bob?");
	expect_text(TPROXY_OWNER_GID, "5,5,05", "5");
	expect_text(TPROXY_OWNER_UID, "a,a", "a?");
	expect_text(TPROXY_OWNER_CGROUP, "/,a,/a/b//,18446744073709551615,4x",
		    "/? /a? /a/b? 18446744073709551615 /4x?");
	expect_text(TPROXY_OWNER_CGROUP, "/a/.b,/a/..c,/a/b.", "/a/.b? /a/..c? /a/b.?");
	expect_text(TPROXY_OWNER_UID, "none", "");
}

static void test_bad_text(void **unused)
{
	static const struct {
		enum tproxy_owner_kind kind;
		const char *text;
	} cases[] = {
		{ TPROXY_OWNER_UID, "" },           { TPROXY_OWNER_UID, "-1" },
		{ TPROXY_OWNER_UID, "4294967295" }, { TPROXY_OWNER_UID, "99999999999999999999999" },
		{ TPROXY_OWNER_UID, "1-" },         { TPROXY_OWNER_UID, "1-2-3" },
		{ TPROXY_OWNER_UID, "2-1" },        { TPROXY_OWNER_UID, "1a" },
		{ TPROXY_OWNER_GID, "a b" },        { TPROXY_OWNER_GID, "a:b" },
		{ TPROXY_OWNER_GID, "a\x1b" },      { TPROXY_OWNER_CGROUP, "" },
		{ TPROXY_OWNER_CGROUP, "0" },       { TPROXY_OWNER_CGROUP, "18446744073709551616" },
		{ TPROXY_OWNER_CGROUP, "/a/../b" }, { TPROXY_OWNER_CGROUP, "/a/." },
		{ TPROXY_OWNER_CGROUP, ".." },      { TPROXY_OWNER_CGROUP, "//a" },
		{ TPROXY_OWNER_CGROUP, "/a\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct owner_item owner = { .first = 42 };
		const char *why = NULL;

		if (!owner_parse(cases[i].kind, cases[i].text, &owner, &why))
			fail_msg("accepted: \"%s\"", cases[i].text);
		assert_non_null(why);
		assert_int_equal(owner.first, 42); /* untouched */
	}
}

static void test_long_names(void **unused)
{
	char name[OWNER_NAME_MAX + 3];
	struct owner_item owner;
	const char *why;

	memset(name, 'a', sizeof(name));
	name[0] = '/';
	name[OWNER_NAME_MAX + 1] = '\0';
	assert_int_equal(owner_parse(TPROXY_OWNER_CGROUP, name, &owner, &why), -EINVAL);
	name[OWNER_NAME_MAX] = '\0';
	assert_int_equal(owner_parse(TPROXY_OWNER_CGROUP, name, &owner, &why), 0);
	owner_free(&owner);
	name[0] = 'a';
	name[256] = '\0';
	assert_int_equal(owner_parse(TPROXY_OWNER_UID, name, &owner, &why), -EINVAL);
	name[255] = '\0';
	assert_int_equal(owner_parse(TPROXY_OWNER_UID, name, &owner, &why), 0);
	owner_free(&owner);
}

static void test_too_many(void **unused)
{
	struct owner_set set = { 0 };
	const char *why = NULL;
	char text[16];

	for (int i = 0; i < OWNER_SET_MAX; i++) {
		snprintf(text, sizeof(text), "%d", 2 * i);
		put(&set, TPROXY_OWNER_UID, text);
	}
	assert_int_equal(policy_parse_owners("5", TPROXY_OWNER_UID, &set, &why), -E2BIG);
	assert_string_equal(why, "more than 1024 items");
	owner_set_free(&set);
}

/* ---- sets --------------------------------------------------------------- */

static bool covers(const char *outer, const char *inner)
{
	struct owner_set a = { 0 }, b = { 0 };
	bool result;

	if (*outer)
		put(&a, TPROXY_OWNER_UID, outer);
	if (*inner)
		put(&b, TPROXY_OWNER_UID, inner);
	result = owner_set_covers(&a, &b);
	owner_set_free(&a);
	owner_set_free(&b);
	return result;
}

static void test_covers(void **unused)
{
	assert_true(covers("", ""));
	assert_true(covers("", "5"));
	assert_true(covers("", "none"));
	assert_true(covers("5", "none"));
	assert_false(covers("5", ""));
	assert_false(covers("none", ""));
	assert_false(covers("none", "5"));
	assert_false(covers("0-4294967294", "")); /* not worked out */
	assert_true(covers("9,1-3,4-8", "2-9"));
	assert_true(covers("1-5,3-9", "2-9"));
	assert_false(covers("1-3,5-9", "2-9"));
	assert_true(covers("alice,bob", "bob"));
	assert_false(covers("alice", "bob"));
	assert_false(covers("5", "bob"));
}

static void named(const char *live, const char *names, __u64 id, const char *expected)
{
	struct owner_set set = { 0 }, with = { 0 };

	put(&set, TPROXY_OWNER_UID, live);
	put(&with, TPROXY_OWNER_UID, names);
	for (size_t i = 0; i < with.n && id; i++) {
		with.items[i].first = with.items[i].last = id + i;
		with.items[i].known = true;
	}
	assert_int_equal(owner_set_name(&set, &with), 0);
	expect(&set, expected);
	owner_set_free(&set);
	owner_set_free(&with);
}

static void test_names(void **unused)
{
	named("5", "a", 5, "a");
	named("5", "a", 6, "5");
	named("1-9", "a", 5, "a 1-4 6-9");
	named("1-9", "a,b", 5, "a b 1-4 7-9");
	named("1-9", "a,b", 8, "a b 1-7");
	named("1-9", "a,b", 9, "a 1-8");
	named("4294967294", "a", 4294967294u, "a");
	named("5", "a", 0, "a? 5"); /* a name that nothing has stays */
	named("none", "a", 0, "a?");
}

/* ---- keys --------------------------------------------------------------- */

struct keys {
	struct prefix items[256];
	size_t n;
};

static int take(const struct prefix *prefix, void *arg)
{
	struct keys *keys = arg;

	assert_true(keys->n < ARRAY_SIZE(keys->items));
	keys->items[keys->n++] = *prefix;
	return 0;
}

/* Number of keys; they turn back into the same ids. */
static size_t keys_of(enum tproxy_owner_kind kind, const char *text, const char *back)
{
	struct owner_set set = { 0 }, again = { 0 };
	struct keys keys = { .n = 0 };

	put(&set, kind, text);
	assert_int_equal(owner_set_prefixes(kind, &set, take, &keys), 0);
	for (size_t i = 0; i < keys.n; i++) {
		struct tproxy_owner_key key;
		struct prefix p;

		owner_key(&keys.items[i], &key);
		assert_int_equal(key.kind, kind);
		assert_in_range(key.prefixlen, 33, 96);
		p = owner_of_key(&key);
		assert_int_equal(prefix_cmp(&p, &keys.items[i]), 0);
		assert_int_equal(owner_set_add_prefix(&again, &p), 0);
	}
	expect(&again, back);
	owner_set_free(&set);
	owner_set_free(&again);
	return keys.n;
}

static void test_keys(void **unused)
{
	assert_int_equal(keys_of(TPROXY_OWNER_UID, "5", "5"), 1);
	assert_int_equal(keys_of(TPROXY_OWNER_UID, "0", "0"), 1);
	assert_int_equal(keys_of(TPROXY_OWNER_UID, "0-255", "0-255"), 1);
	assert_int_equal(keys_of(TPROXY_OWNER_UID, "1-255", "1-255"), 8);
	assert_int_equal(keys_of(TPROXY_OWNER_UID, "128-255,0-127", "0-255"), 1);
	assert_int_equal(keys_of(TPROXY_OWNER_UID, "0-200,100-255,7", "0-255"), 1);
	assert_int_equal(keys_of(TPROXY_OWNER_GID, "0-4294967294", "0-4294967294"), 32);
	assert_int_equal(keys_of(TPROXY_OWNER_CGROUP, "18446744073709551615,18446744073709551614",
				 "18446744073709551614-18446744073709551615"),
			 1);
	assert_int_equal(keys_of(TPROXY_OWNER_UID, "alice", ""), 0); /* not looked up */
	assert_int_equal(keys_of(TPROXY_OWNER_UID, "none", ""), 0);
}

static void test_key_bytes(void **unused)
{
	static const __u8 id[8] = { 0, 0, 0, 0, 0, 0, 3, 0xe8 };
	const struct prefix p = owner_prefix(TPROXY_OWNER_GID, 1000, 64);
	struct tproxy_owner_key key;

	owner_key(&p, &key);
	assert_int_equal(key.prefixlen, 96);
	assert_int_equal(key.kind, TPROXY_OWNER_GID);
	assert_memory_equal(key.id, id, sizeof(id));
	key.prefixlen = 4000; /* by no map, but by a mistake */
	assert_int_equal(owner_of_key(&key).len, 96);
}

/* ---- the record of names ------------------------------------------------ */

static void test_record(void **unused)
{
	struct policy policy __cleanup_policy = { 0 };
	struct owner_names names = { 0 }, again = { 0 };
	__cleanup_free __u8 *bytes = NULL;
	size_t len;

	for (int i = 0; i < TPROXY_MAX_RULES; i += 63) {
		policy.rules[i].used = true;
		policy.rules[i].local = TPROXY_LOCAL_ONLY;
		put(&policy.rules[i].owners[TPROXY_OWNER_UID], TPROXY_OWNER_UID, "alice,7,bob");
		put(&policy.rules[i].owners[TPROXY_OWNER_CGROUP], TPROXY_OWNER_CGROUP, "/a/b");
	}
	assert_int_equal(owner_names_take(&names, &policy), 0);
	assert_true(owner_names_are(&names, &policy));
	len = owner_names_pack(&names, NULL);
	bytes = malloc(len);
	assert_non_null(bytes);
	assert_int_equal(owner_names_pack(&names, bytes), len);
	assert_int_equal(owner_names_unpack(bytes, len, &again), 0);
	assert_true(owner_names_are(&again, &policy));
	expect(&again.of[63][TPROXY_OWNER_UID], "alice? bob?");
	/* Cut off anywhere, and with any byte wrong: refused or read, never beyond the end. */
	for (size_t n = 0; n < len; n++) {
		__cleanup_free __u8 *part = malloc(n + 1);

		memcpy(part, bytes, n);
		owner_names_free(&again);
		assert_int_equal(owner_names_unpack(part, n, &again), -EBADMSG);
	}
	for (size_t n = 0; n < len; n++) {
		bytes[n] ^= 0xff;
		owner_names_free(&again);
		owner_names_unpack(bytes, len, &again);
		bytes[n] ^= 0xff;
	}
	owner_names_free(&names);
	owner_names_free(&again);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),       cmocka_unit_test(test_bad_text),
		cmocka_unit_test(test_long_names), cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_covers),     cmocka_unit_test(test_names),
		cmocka_unit_test(test_keys),       cmocka_unit_test(test_key_bytes),
		cmocka_unit_test(test_record),
	};

	return cmocka_run_group_tests_name("owner", tests, NULL, NULL);
}
