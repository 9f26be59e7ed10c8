/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of the relay. Every key of the configuration file is also a
 * long option, but for the lists. Must not know what the keys mean.
 */
#ifndef TPROXY_RELAY_CONFIG_CMDLINE_H
#define TPROXY_RELAY_CONFIG_CMDLINE_H

#include "relay/config/options.h"

struct command_line {
	struct options *o;
	const char *config; /* -c, or NULL */
	char *why;          /* one line on failure */
	size_t size;
};

/* OPTIONS_RUN, _HELP, _VERSION or _USAGE. May be called again for the same line. */
enum options_result cmdline_parse(struct command_line *cl, int argc, char **argv);

#endif
