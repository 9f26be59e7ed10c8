/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules that use an adopted listener: which do, and how one begins to. */
#ifndef TPROXY_LOADER_LISTENERS_USERS_H
#define TPROXY_LOADER_LISTENERS_USERS_H

#include "lib/parse.h"
#include "loader/app/session.h"

/* Can this rule get another proxy? An enum exit_code; reports. */
int users_check_rule(struct session *session, const char *name);
/* Says so if no rule uses the proxy. */
void users_remark(struct session *session, const struct endpoint *proxy);
/* Makes it the proxy of the rule. An enum exit_code; reports. */
int users_edit_rule(struct app *app, const char *name, const struct endpoint *proxy, bool dry_run);

#endif
