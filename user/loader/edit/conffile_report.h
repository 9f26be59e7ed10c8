/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors and warnings of a configuration file: logged, and collected for JSON. Must not know
 * what is wrong.
 */
#ifndef TPROXY_LOADER_EDIT_CONFFILE_REPORT_H
#define TPROXY_LOADER_EDIT_CONFFILE_REPORT_H

#include <json-c/json.h>

#include "lib/util.h"

struct conffile_report {
	struct json_object *errors, *warnings; /* arrays that get an object each, or NULL */
	size_t n_warnings;
	bool of_host; /* also refuse what a start of the relay on this host would refuse */
};

/* For struct config_report, arg being a struct conffile_report; of errors it may be NULL. */
void conffile_error(const char *file, unsigned int line, const char *text, void *arg);
void conffile_warning(const char *file, unsigned int line, const char *text, void *arg);

/* One more warning, with the line it is about. */
void conffile_warn(struct conffile_report *report, const char *file, unsigned int line,
		   const char *fmt, ...) __printf(4, 5);

#endif
