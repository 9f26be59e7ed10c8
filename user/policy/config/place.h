/* SPDX-License-Identifier: BSD-2-Clause */
/* Where in a file an error is, and who gets it. Must not know what files contain. */
#ifndef TPROXY_POLICY_CONFIG_PLACE_H
#define TPROXY_POLICY_CONFIG_PLACE_H

#include "lib/util.h"

struct config_report {
	/* Called for each error, with one line: the offending text and what is wrong with it. */
	void (*error)(const char *file, unsigned int line, const char *text, void *arg);
	/* The same for what is allowed and does not do what it seems to; NULL: not wanted. */
	void (*warning)(const char *file, unsigned int line, const char *text, void *arg);
	void *arg;
};

struct config_place {
	const struct config_report *report;
	const char *file;
	unsigned int line;
	unsigned int errors; /* so far */
};

/* Bytes that could steer a terminal, or spoil JSON, become '?'. */
void config_error(struct config_place *place, const char *fmt, ...) __printf(2, 3);
void config_warning(const struct config_place *place, const char *fmt, ...) __printf(2, 3);

#endif
