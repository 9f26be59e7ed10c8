/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration file as the relay sees it: its own section becomes options, pools
 * are read as the loader reads them, its other sections are skipped, anything else is
 * an error.
 */
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "lib/parse.h"
#include "lib/util.h"
#include "relay/options.h"

struct ini_reader {
	struct options *o;
	FILE *in;
	char line[512]; /* as it stands in the file: libinih parts IPv6 addresses at their ':' */
	char why[768];
	char seen[OPTIONS_MAX_KEYS][32]; /* keys of [relay] read so far */
	size_t seen_count;
	int err;
};

static bool is_loader_section(const char *section)
{
	static const char *const named[] = { "rule ", "zone " };

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

static char *next_line(char *buf, int size, void *arg)
{
	struct ini_reader *r = arg;

	if (!fgets(buf, size, r->in))
		return NULL;
	snprintf(r->line, sizeof(r->line), "%s", buf);
	if (parse_pool_begins(buf))
		snprintf(buf, (size_t)size, "address = server\n");
	return buf;
}

/* libinih's convention, as below. */
static int take_pool(struct ini_reader *r)
{
	const char *why, *text = r->line + strspn(r->line, " \t");
	int err;

	r->line[strcspn(r->line, ";#\r\n")] = '\0';
	err = poolmap_add(&r->o->settings->pools, text, &why);
	if (!err)
		return 1;
	if (!r->err)
		snprintf(r->why, sizeof(r->why), "%.160s: %s", text, why);
	r->err = r->err ? r->err : err;
	return 0;
}

/* libinih's convention: 0 is an error. Only the first one is kept. */
static int take_key(void *arg, const char *section, const char *key, const char *value)
{
	struct ini_reader *r = arg;
	const char *why = "given twice";
	int err = -EEXIST;

	if (is_loader_section(section))
		return 1;
	if (!strncmp(section, "pool ", 5) && section[5])
		return take_pool(r);
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
	__cleanup_file FILE *in = fopen(path, "re");
	struct ini_reader r = { .o = o, .in = in };
	int line = in ? ini_parse_stream(next_line, &r, take_key, &r) : -1;

	if (!line && !ferror(in))
		return 0;
	if (line <= 0) {
		int err = in ? (line ? ENOMEM : EIO) : errno;

		snprintf(ret_why, size, "%s: cannot be read: %s (check the path given with -c)",
			 path, strerror(err));
		return -err;
	}
	snprintf(ret_why, size, "%s:%d: %s", path, line, r.err ? r.why : "not KEY = VALUE");
	return r.err ? r.err : -EINVAL;
}
