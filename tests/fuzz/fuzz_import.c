/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as iptables-save text: no crash, and what comes out is a valid configuration. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/util.h"
#include "policy/config/read.h"
#include "policy/import/import.h"

static void left_out(unsigned int line, const char *text, const char *why, bool needless, void *arg)
{
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
	struct import import = { .ipv6 = len % 2, .left_out = left_out };
	__cleanup_free char *text = NULL;
	__cleanup_file FILE *in = len ? fmemopen((void *)bytes, len, "r") : NULL;
	__cleanup_file FILE *back = NULL;
	size_t size;
	FILE *out;

	if (!in || import_iptables(&import, in, &config))
		return 0;
	out = open_memstream(&text, &size);
	if (!out || config_print(&config, out))
		abort();
	fclose(out);
	back = fmemopen(text, size, "r");
	if (!back || config_read(&reader, back, &again))
		abort();
	return 0;
}
