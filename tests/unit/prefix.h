/* SPDX-License-Identifier: BSD-2-Clause */
/* Prefixes from text; text that is no prefix fails the test. After cmocka.h. */
#ifndef PREFIX_H
#define PREFIX_H

#include "lib/parse.h"

static inline struct prefix prefix(const char *text)
{
	const char *why = NULL;
	struct prefix p = { 0 };

	if (parse_prefix(text, &p, &why))
		fail_msg("%s: %s", text, why);
	return p;
}

#endif
