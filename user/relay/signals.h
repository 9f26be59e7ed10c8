/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which signals mean something, and that no other one ends the relay. Must not know what the relay
 * does about them.
 *
 *   SIGTERM SIGINT SIGQUIT SIGHUP SIGUSR1   signals_read returns them
 *   SIGABRT and those of a fault            end the process, with a core dump where that is enabled
 *   SIGTSTP SIGTTIN SIGTTOU SIGCONT         stop and continue it, as a terminal or a user wants
 *   all others                              are ignored
 *
 * Threads and child processes that begin later inherit this.
 */
#ifndef TPROXY_RELAY_SIGNALS_H
#define TPROXY_RELAY_SIGNALS_H

/*
 * The first thing that a process does: ignores what means nothing, and lets SIGHUP and SIGUSR1 wait
 * until signals_open, since they may come while files are read.
 */
void signals_prepare(void);

/* Takes the signals from now on. A descriptor that is readable when there is one, or -errno. */
int signals_open(void);

/* The number of the next signal, 0: there is none. */
int signals_read(int fd);

#endif
