/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a configuration file: no crash, and what is accepted is printed as
 * text that means the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "policy/config/read.h"

static void ignore(const char *file, unsigned int line, const char *text, void *arg)
{
}

static int read_bytes(const void *bytes, size_t len, struct config *config)
{
	static const struct config_reader reader = { .name = "fuzz",
						     .rule_lists = CONFIG_LISTS_REFUSE,
						     .report.error = ignore };
	__cleanup_file FILE *in = fmemopen((void *)bytes, len, "r");

	return in ? config_read(&reader, in, config) : -1;
}

static char *printed(const struct config *config, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	if (!out || config_print(config, out))
		abort();
	fclose(out);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct config config __cleanup_config = { 0 };
	struct config again __cleanup_config = { 0 };
	__cleanup_free char *first = NULL, *second = NULL;
	size_t first_len, second_len;

	if (!len || read_bytes(bytes, len, &config))
		return 0;
	first = printed(&config, &first_len);
	if (read_bytes(first, first_len, &again))
		abort();
	second = printed(&again, &second_len);
	if (first_len != second_len || memcmp(first, second, first_len))
		abort();
	return 0;
}
