/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ends adoptions: sockets that we made transparent are as they were, and the shims that were made
 * for them end. Flows that are open continue.
 */
#ifndef TPROXY_LOADER_ADOPT_RELEASE_H
#define TPROXY_LOADER_ADOPT_RELEASE_H

#include "kernel/adopt/records.h"
#include "loader/app/session.h"

/* Each returns 0 or a reported -errno, and continues after a failure. */
int release_all(struct session *session);
/* The programs that this process runs, or was the latest one to run. -ESRCH: none, reported. */
int release_pid(struct session *session, pid_t pid);
/* Also the shims that nobody adopted: before the pins go. */
int release_everything(struct session *session);

#endif
