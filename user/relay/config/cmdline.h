/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of the relay. Every key of the configuration file is also a
 * long option, except the lists. Must not know what the keys mean.
 */
#ifndef TPROXY_RELAY_CONFIG_CMDLINE_H
#define TPROXY_RELAY_CONFIG_CMDLINE_H

#include "relay/config/options.h"

enum cmdline_result {
	CMDLINE_RUN,
	CMDLINE_LIST,    /* --list was given, without an error */
	CMDLINE_HELP,    /* -h was given */
	CMDLINE_VERSION, /* -V was given */
	CMDLINE_USAGE,   /* an error */
};

struct command_line {
	struct options *o;
	const char *config; /* -c, or NULL */
	char why[512];      /* one line on failure */
	bool check;         /* --check was given */
	bool list;          /* --list was given */
};

/* May be called again for the same line. */
enum cmdline_result cmdline_parse(struct command_line *cl, int argc, char **argv);

#endif
