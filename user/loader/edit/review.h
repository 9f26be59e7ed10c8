/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of a valid file that cannot work: rules on interfaces that nothing attaches, rules that
 * never match. Warns; nothing here is an error.
 */
#ifndef TPROXY_LOADER_EDIT_REVIEW_H
#define TPROXY_LOADER_EDIT_REVIEW_H

#include "lib/netlink.h"
#include "loader/edit/conffile_report.h"
#include "policy/config/config.h"

/* What the configuration alone shows. */
void review_config(struct conffile_report *report, const char *name, const struct config *config);

/* Destinations that are addresses of this host: its own traffic is never intercepted. */
void review_addresses(struct conffile_report *report, const char *name, const struct config *config,
		      struct nl *nl);

#endif
