/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration file named on the command line: read, with every error told. */
#ifndef TPROXY_LOADER_EDIT_CONFFILE_H
#define TPROXY_LOADER_EDIT_CONFFILE_H

#include <json-c/json.h>

#include "policy/config/config.h"
#include "loader/app/app.h"

#define CONFFILE_DEFAULT "/etc/tproxy/tproxy.conf"

/* Errors and warnings of a file, which are logged as well. */
struct conffile_report {
	struct json_object *errors, *warnings; /* arrays that get an object each, or NULL */
	size_t n_warnings;
	bool of_host; /* refuse what a start of the relay on this host would refuse, too */
};

/* One more warning of a file, with the line it is about. */
void conffile_warn(struct conffile_report *report, const char *file, unsigned int line,
		   const char *fmt, ...) __printf(4, 5);
/* The name of a file in messages. */
const char *conffile_name(const char *path);

/* "-": standard input. report: NULL: warnings are not wanted, errors are logged. */
int conffile_read(const char *path, struct conffile_report *report, struct config *ret_config);

/* Rules, and prefixes and ports of all of them. */
struct conffile_size {
	size_t rules, prefixes;
};
struct conffile_size conffile_size(const struct policy *policy);

#endif
