/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration file that the command line names: read, with every error reported. */
#ifndef TPROXY_LOADER_EDIT_CONFFILE_H
#define TPROXY_LOADER_EDIT_CONFFILE_H

#include "loader/edit/conffile_report.h"
#include "policy/config/config.h"

#define CONFFILE_DEFAULT "/etc/tproxy/tproxy.conf"

/* The name of a file in messages. */
const char *conffile_name(const char *path);

/* path "-": standard input. report NULL: errors are logged, warnings are not. */
int conffile_read(const char *path, struct conffile_report *report, struct config *ret_config);

/* Rules, and prefixes and ports of all of them. */
struct conffile_size {
	size_t rules, prefixes;
};
struct conffile_size conffile_size(const struct policy *policy);

#endif
