/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of prefixes and services, compared as text. */
#ifndef POLICY_EXPECT_H
#define POLICY_EXPECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "lib/util.h"
#include "policy/policy.h"
#include "prefix.h"

static inline void add(struct prefix_set *set, const char *text)
{
	struct prefix p = prefix(text);

	assert_int_equal(prefix_set_add(set, &p), 0);
}

static inline void expect_prefixes(const struct prefix_set *set, const char *expected)
{
	char text[512] = "", buf[PREFIX_TEXT_LEN];

	for (size_t i = 0; i < set->n; i++) {
		size_t len = strlen(text);

		snprintf(text + len, sizeof(text) - len, "%s%s", i ? "," : "",
			 prefix_format(&set->items[i], buf));
	}
	assert_string_equal(text, expected);
}

static inline void expect_services(const struct service_set *set, const char *expected)
{
	char text[512] = "", buf[SERVICE_TEXT_LEN];

	for (size_t i = 0; i < set->n; i++) {
		size_t len = strlen(text);

		snprintf(text + len, sizeof(text) - len, "%s%s", i ? "," : "",
			 service_format(&set->items[i], buf));
	}
	assert_string_equal(text, expected);
}

#endif
