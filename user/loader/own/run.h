/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts this process into a cgroup for which all rules are meant, or none. Reports failures. Must
 * not know what runs there.
 */
#ifndef TPROXY_LOADER_OWN_RUN_H
#define TPROXY_LOADER_OWN_RUN_H

#include "kernel/own/run_cgroup.h"
#include "loader/app/session.h"

/*
 * As root: makes the cgroup below the one that this process is in, or below that of the hooks.
 * Returns an enum exit_code.
 */
int own_run_enter(const struct session *session, enum own_run kind);

/* As another user: into one that root has prepared with own_run_allow. */
int own_run_enter_prepared(enum own_run kind);

/* Lets a user put programs there. cgroup: NULL for the slice of the user. */
int own_run_allow(const struct session *session, enum own_run kind, const char *user,
		  const char *cgroup);

#endif
