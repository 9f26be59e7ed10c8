/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads the options of the relay from a command line in one string, and from the text of a file. */
#ifndef TPROXY_TEST_RELAY_OPTIONS_H
#define TPROXY_TEST_RELAY_OPTIONS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include "lib/util.h"
#include "relay/config/load.h"

static struct options o;
static char why[4096]; /* a line for each error */

static void on_error(const char *text, void *arg)
{
	size_t len = strlen(why);

	(void)arg;
	snprintf(why + len, sizeof(why) - len, "%s%s", len ? "\n" : "", text);
}

static bool again; /* as at SIGHUP */

static enum options_result parse(const char *line)
{
	char copy[512];
	char *argv[32] = { "tproxy-relay" };
	char *rest = copy;
	char *word;
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	while ((word = strsep(&rest, " ")))
		if (*word)
			argv[argc++] = word;
	why[0] = '\0';
	return options_load(
		&o, &(struct options_source){
			    .argc = argc, .argv = argv, .again = again, .error = on_error });
}

/* Writes a file that lives until the next one. */
static const char *file_with(const char *text)
{
	static char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/test_relay_options.%d", (int)getpid());
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

static enum options_result parse_file(const char *text, const char *flags)
{
	char line[512];

	snprintf(line, sizeof(line), "-c %s %s", file_with(text), flags);
	return parse(line);
}

static int clear_environment(void **state)
{
	(void)state;
	unsetenv("LOG_LEVEL");
	unsetenv("LOG_FORMAT");
	unsetenv("TPROXY_PIN_DIR");
	return 0;
}

static int remove_file(void **state)
{
	(void)state;
	unlink(file_with(""));
	return 0;
}

#endif
