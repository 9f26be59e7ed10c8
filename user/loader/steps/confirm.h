/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Policies that have to be confirmed: what commands do about the pinned deadline
 * (confirm_deadline.h). confirm_guard.h starts the process that waits for it, the guard.
 */
#ifndef TPROXY_LOADER_STEPS_CONFIRM_H
#define TPROXY_LOADER_STEPS_CONFIRM_H

#include "loader/app/session.h"

/*
 * Restores the previous policy if the deadline has passed and no process has done so: the guard may
 * have been killed. Part of opening a state for writing, so that `watch` restores it as well. A
 * failure is reported and must not stop the command that opened the state.
 */
void confirm_settle(struct session *session);

/* The deadline no longer applies: confirmed, or rolled back by hand. Reports its failure. */
int confirm_end(struct session *session);

/* -EBUSY, reported, while a policy waits to be confirmed: the previous one must stay available. */
int confirm_refuse(struct session *session, const char *command);

#endif
