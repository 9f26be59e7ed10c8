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
/* The same without a message, unless -v is given: for what is tried again and again. */
int session_open_silently(struct session *session, struct app *app);
int session_open_to_write(struct session *session, struct app *app);
/* To write, but an absent state is fine: *ret_present is false then. */
int session_open_any(struct session *session, struct app *app, bool *ret_present);

/*
 * As session_open_to_read, but reports nothing: 0 or -errno. As state_open (with ret_why likewise),
 * and -ESTALE: of a network namespace that is gone; -EXDEV: of another one. session->nl may be open
 * after an error.
 */
int session_try_to_read(struct session *session, struct app *app, char *ret_why);

#endif
