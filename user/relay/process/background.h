/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --background: the command returns when the relay is ready, or with its error. The relay is a
 * process of its own by then. Must not know what a relay has to do until it is ready.
 */
#ifndef TPROXY_RELAY_PROCESS_BACKGROUND_H
#define TPROXY_RELAY_PROCESS_BACKGROUND_H

#include <stdbool.h>

/*
 * Forks, and returns in the new process only, with status 0; -errno: it could not. The calling
 * process waits for background_ready and exits with 0, or with the status of a relay that ended
 * before. It reports to the service manager, which may listen to this process only.
 */
int background_enter(void);

/*
 * The relay is ready. Leaves the terminal or whatever the caller reads; keep_stdout: the log goes
 * there. Does nothing in the foreground.
 */
void background_ready(bool keep_stdout);

/* In a process that the relay forks: the same for its copies. */
void background_leave_output(void);

/* We are that process, and it is not the one that the service manager started. */
bool background_is_entered(void);

#endif
