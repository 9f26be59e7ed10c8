/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals that must not interrupt a command while it changes the system: those that end it
 * (Ctrl-C, a terminal that closes) and those that stop it while it holds the lock (Ctrl-Z, a
 * terminal in the foreground of another job). Blocked signals stay pending; SIGPIPE is ignored.
 */
#ifndef TPROXY_LOADER_APP_SIGNALS_H
#define TPROXY_LOADER_APP_SIGNALS_H

#include <signal.h>

/* Blocks both kinds. *ret_before: the mask until now. */
void signals_hold(sigset_t *ret_before);
/* Back to the mask of before. */
void signals_restore(const sigset_t *before);
/* As signals_restore, but signals that end the process stay blocked. */
void signals_restore_stops(const sigset_t *before);

/* Only those that end the process: SIGINT, SIGTERM and SIGHUP. */
void signals_hold_ends(void);
void signals_release_ends(void);
/* As signals_hold_ends, and returns a signalfd that shows them; -1: errno says why not. */
int signals_take_ends(void);

#endif
