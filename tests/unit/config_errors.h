/* SPDX-License-Identifier: BSD-2-Clause */
/* Collects what the reader of the configuration file reports: LINE: TEXT, one a line. */
#ifndef TPROXY_TEST_CONFIG_ERRORS_H
#define TPROXY_TEST_CONFIG_ERRORS_H

#include <stdio.h>
#include <string.h>

static char errors[8192];

static void on_error(const char *file, unsigned int line, const char *text, void *arg)
{
	size_t len = strlen(errors);

	snprintf(errors + len, sizeof(errors) - len, "%u: %s\n", line, text);
}

#endif
