/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options from where the user gives them: command line, configuration file, environment,
 * default; the earlier one wins. Reads files; must not act on any choice.
 */
#ifndef TPROXY_RELAY_CONFIG_LOAD_H
#define TPROXY_RELAY_CONFIG_LOAD_H

#include "relay/config/options.h"

enum options_result {
	OPTIONS_RUN,
	OPTIONS_CHECKED, /* --check was given, and everything is right */
	OPTIONS_LIST,    /* --list was given */
	OPTIONS_HELP,    /* -h was given */
	OPTIONS_VERSION, /* -V was given */
	OPTIONS_USAGE,   /* error in the command line, exit 2 */
	OPTIONS_FAILED,  /* error in the file or the environment, exit 1 */
};

struct options_source {
	int argc;
	char **argv;
	/*
	 * Read again by a relay that runs, as an ordinary user. What only the loader or a start
	 * needs is not looked at: @FILE lists of rules, the log file, the user.
	 */
	bool again;
	/* Called for each error, with a line that says where it is. */
	void (*error)(const char *text, void *arg);
	void *arg;
};

/* o: all zero, or filled before; to be freed in any case. */
enum options_result options_load(struct options *o, const struct options_source *source);

#endif
