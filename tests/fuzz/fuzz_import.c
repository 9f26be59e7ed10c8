/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as iptables-save text: no crash, what comes out is a valid configuration, and no line
 * is lost: each one is in the rules, not needed, or reported.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "policy/config/read.h"
#include "policy/import/import.h"

struct seen {
	size_t needless, left, notes;
	unsigned int last; /* line; each is reported once, in order */
};

static void left_out(unsigned int line, const char *text, const char *why, bool needless, void *arg)
{
	struct seen *seen = arg;

	seen->needless += needless;
	seen->left += !needless;
	if (line <= seen->last || !*why || !*text)
		abort();
	seen->last = line;
}

static void note(const char *text, bool hint, void *arg)
{
	struct seen *seen = arg;

	seen->notes += !hint;
}

static void check_lines(const struct import *import, const struct seen *seen, const uint8_t *bytes,
			size_t len)
{
	size_t rules = 0;

	if (import->lines != import->used + import->needless + import->left + import->elsewhere ||
	    import->needless != seen->needless || import->left != seen->left)
		abort();
	/* Each line that begins with "-A" is counted. */
	for (size_t i = 0; i + 2 < len; i++)
		rules += !memcmp(bytes + i, "\n-A", 3) && !memchr(bytes, 0, len);
	if (!import->refused && import->lines < rules)
		abort();
}

static void fail(const char *file, unsigned int line, const char *text, void *arg)
{
	fprintf(stderr, "%u: %s\n", line, text);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const struct config_reader reader = { .name = "imported",
						     .rule_lists = CONFIG_LISTS_REFUSE,
						     .report.error = fail };
	struct config config __cleanup_config = { 0 };
	struct config again __cleanup_config = { 0 };
	struct seen seen = { 0 };
	struct import import = {
		.ipv6 = len % 2, .left_out = left_out, .note = note, .arg = &seen
	};
	__cleanup_free char *text = NULL;
	__cleanup_file FILE *in = len ? fmemopen((void *)bytes, len, "r") : NULL;
	__cleanup_file FILE *back = NULL;
	size_t size;
	FILE *out;

	if (!in || import_iptables(&import, in, &config))
		return 0;
	check_lines(&import, &seen, bytes, len);
	out = open_memstream(&text, &size);
	if (!out || config_print(&config, out))
		abort();
	fclose(out);
	back = fmemopen(text, size, "r");
	if (!back || config_read(&reader, back, &again))
		abort();
	return 0;
}
