/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of checks, the explanations of problems, and the ids in the sources agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ftw.h>
#include <regex.h>

#include "lib/util.h"
#include "loader/check/checks.h"
#include "loader/check/kinds.h"

#define SOURCES "user/loader"

/* Is it an id of a problem that a check may report? */
static bool is_listed(const char *id)
{
	for (size_t i = 0; i < checks_n; i++)
		for (const char *const *p = checks[i].problems; *p; p++)
			if (!strcmp(*p, id))
				return true;
	return false;
}

static void test_every_listed_problem_is_explained(void **unused)
{
	for (size_t i = 0; i < checks_n; i++)
		for (const char *const *p = checks[i].problems; *p; p++)
			if (!kind_find(*p))
				fail_msg("check %s: problem %s is not in kinds/", checks[i].id, *p);
}

static void test_every_explained_problem_is_listed(void **unused)
{
	for (const struct kind *k = kind_next(NULL); k; k = kind_next(k))
		if (!is_listed(k->id))
			fail_msg("kinds/: no check of checks.c lists %s", k->id);
}

static bool is_sentence(const char *text)
{
	return text && strlen(text) > 5;
}

static void test_explanations_are_complete(void **unused)
{
	for (const struct kind *k = kind_next(NULL); k; k = kind_next(k)) {
		if (!is_sentence(k->title) || !is_sentence(k->means) || !is_sentence(k->cause) ||
		    !is_sentence(k->see) || !is_sentence(k->cure))
			fail_msg("%s: an explanation is missing", k->id);
		if (strlen(k->title) > 90 || k->title[strlen(k->title) - 1] == '.')
			fail_msg("%s: the title is no short line", k->id);
		if (kind_find(k->id) != k)
			fail_msg("%s: explained twice", k->id);
	}
}

static void test_checks_are_complete(void **unused)
{
	for (size_t i = 0; i < checks_n; i++) {
		const struct check *check = &checks[i];

		if (!check->id || !is_sentence(check->question) || !check->problems[0])
			fail_msg("check %zu: id, question or problems are missing", i);
		if (!check->of_iface && !check->of_all)
			fail_msg("check %s: no function", check->id);
		if (check->unattached && !check->of_all)
			fail_msg("check %s: of_iface needs an attached interface", check->id);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(checks[j].id, check->id))
				fail_msg("check %s: twice", check->id);
	}
}

/* ---- the sources -------------------------------------------------------- */

static unsigned int found;

/* Calls fn with each text that the first group of the expression matches. */
static void each_match(const char *path, const char *text, const char *expression,
		       void (*fn)(const char *path, const char *word))
{
	regmatch_t match[3];
	regex_t regex;

	assert_int_equal(regcomp(&regex, expression, REG_EXTENDED), 0);
	for (; !regexec(&regex, text, ARRAY_SIZE(match), match, 0); text += match[0].rm_eo) {
		char word[64];

		snprintf(word, sizeof(word), "%.*s", (int)(match[1].rm_eo - match[1].rm_so),
			 text + match[1].rm_so);
		fn(path, word);
		found++;
	}
	regfree(&regex);
}

static void must_be_listed(const char *path, const char *id)
{
	if (!is_listed(id))
		fail_msg("%s: reports %s, which no check of checks.c lists", path, id);
}

static bool is_check(const char *word)
{
	for (size_t i = 0; i < checks_n; i++)
		if (!strcmp(checks[i].id, word))
			return true;
	return false;
}

/* Words that look like ids and are none. */
static bool is_other(const char *word)
{
	static const char *const words[] = {
		"iptables-legacy", "ip6tables-legacy", "systemd-network",
		"tproxy-relay",                                       /* programs */
		"not-sent",        "no-client",        "no-own-flow", /* results of probes */
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(words[i], word))
			return true;
	return false;
}

static void must_be_explained(const char *path, const char *word)
{
	if (!kind_find(word) && !is_check(word) && !is_other(word))
		fail_msg("%s: %s is no id that kinds/ explains", path, word);
}

static void look_at(const char *path, const char *text)
{
	each_match(path, text, "[^a-z_]problem_add\\([^;\"]*\"([a-z0-9-]+)\"", must_be_listed);
	if (strstr(path, "/check/"))
		each_match(path, text, "[^a-z_]add\\([^;\"]*\"([a-z0-9-]+)\"", must_be_listed);
	/* also those that a table or a condition names, and those that trace names */
	if (strstr(path, "/check/") || strstr(path, "/trace/cause.c"))
		each_match(path, text, "\"([a-z0-9]+(-[a-z0-9]+)+)\"", must_be_explained);
	each_match(path, text, "id, \"([a-z0-9-]+)\"\\)", must_be_explained);
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	__cleanup_free char *text = NULL;
	__cleanup_file FILE *file = NULL;

	if (type != FTW_F || !strstr(path, ".c"))
		return 0;
	text = calloc(1, (size_t)st->st_size + 1);
	file = fopen(path, "re");
	assert_true(text && file);
	assert_int_equal(fread(text, 1, (size_t)st->st_size, file), st->st_size);
	look_at(path, text);
	return 0;
}

/* As the tests run, from the top of the sources. */
static void test_every_reported_problem_is_listed(void **unused)
{
	if (nftw(SOURCES, visit, 8, FTW_PHYS))
		skip();
	assert_true(found > 150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_listed_problem_is_explained),
		cmocka_unit_test(test_every_explained_problem_is_listed),
		cmocka_unit_test(test_explanations_are_complete),
		cmocka_unit_test(test_checks_are_complete),
		cmocka_unit_test(test_every_reported_problem_is_listed),
	};

	return cmocka_run_group_tests_name("checks", tests, NULL, NULL);
}
