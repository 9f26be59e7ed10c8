/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens a session. For writing it first makes the state fit for it: the lock, a migration, pins
 * that an interruption left behind, a policy that was not confirmed in time, local addresses.
 */
#ifndef TPROXY_LOADER_STEPS_SESSION_OPEN_H
#define TPROXY_LOADER_STEPS_SESSION_OPEN_H

#include "loader/app/session.h"

/* Each returns EXIT_DONE, or reports and returns the exit code. */
int session_open_to_read(struct session *session, struct app *app);
int session_open_to_write(struct session *session, struct app *app);
/* To write, but an absent state is fine: *ret_present is false then. */
int session_open_any(struct session *session, struct app *app, bool *ret_present);

#endif
