/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration file as the relay sees it: its own section becomes options,
 * the loader's sections are skipped, anything else is an error.
 */
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"
#include "relay/options.h"

struct ini_reader {
	struct options *o;
	char why[768];
	char seen[OPTIONS_MAX_KEYS][32]; /* keys of [relay] read so far */
	size_t seen_count;
	int err;
};

static bool is_loader_section(const char *section)
{
	static const char *const named[] = { "rule ", "pool ", "zone " };

	for (size_t i = 0; i < ARRAY_SIZE(named); i++)
		if (!strncmp(section, named[i], strlen(named[i])) && section[strlen(named[i])])
			return true;
	return !strcmp(section, "loader");
}

/*
 * Also true for an indented second line, which libinih hands over under the same
 * key; a list goes on there.
 */
static bool seen_before(struct ini_reader *r, const char *key)
{
	for (size_t i = 0; i < r->seen_count; i++)
		if (!strcmp(r->seen[i], key))
			return true;
	if (r->seen_count < OPTIONS_MAX_KEYS)
		snprintf(r->seen[r->seen_count++], sizeof(r->seen[0]), "%s", key);
	return false;
}

/* libinih's convention: 0 is an error. Only the first one is kept. */
static int take_key(void *arg, const char *section, const char *key, const char *value)
{
	struct ini_reader *r = arg;
	const char *why = "given twice";
	int err = -EEXIST;

	if (is_loader_section(section))
		return 1;
	if (strcmp(section, "relay")) {
		if (!r->err)
			snprintf(r->why, sizeof(r->why), "[%s]: unknown section", section);
		r->err = r->err ? r->err : -EINVAL;
		return 0;
	}
	if (options_is_list(key) || !seen_before(r, key))
		err = options_set(r->o, key, value, &why);
	if (!err)
		return 1;
	if (!r->err)
		snprintf(r->why, sizeof(r->why), "%s = %s: %s", key,
			 options_shown(key, value), why);
	r->err = r->err ? r->err : err;
	return 0;
}

int options_read_file(struct options *o, const char *path, char *ret_why, size_t size)
{
	struct ini_reader r = { .o = o };
	int line;

	errno = 0;
	line = ini_parse(path, take_key, &r);
	if (!line)
		return 0;
	if (line < 0) {
		int err = errno ? errno : EIO;

		snprintf(ret_why, size, "%s: cannot be read: %s (check the path given with -c)",
			 path, strerror(err));
		return -err;
	}
	snprintf(ret_why, size, "%s:%d: %s", path, line, r.err ? r.why : "not KEY = VALUE");
	return r.err ? r.err : -EINVAL;
}
