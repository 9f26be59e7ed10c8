/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Restart without losing a connection, the new relay's side; handover.h describes both. Asks the
 * relay that runs for its sockets, checks that it is one of root or of our own user, and says when
 * it may go. Must not know what the sockets are for.
 */
#ifndef TPROXY_RELAY_PROCESS_TAKEOVER_H
#define TPROXY_RELAY_PROCESS_TAKEOVER_H

#include "relay/process/inherited.h"
#include "relay/process/message.h"
#include "relay/process/retired.h"

/* What a running relay gives. Descriptors of -1 and no listeners: there is none. */
struct takeover {
	struct inherited listeners;
	int old_relay_fd; /* leads to that relay */
	int listen_fd;    /* its own, for handover_open */
	int flows_fd;     /* its own, for flow lists */
	uint64_t next_id; /* for the first flow, so that no two flows in the log share one */
	uint32_t watchdog_ms;
	pid_t pid;
	struct retired_list retired; /* after takeover_finish, also that relay itself */
};

/* There is none. */
void takeover_init(struct takeover *t);

/*
 * Waits for a relay that is about to end, or for another start. 0, or -errno with one line in
 * ret_why (size bytes): the running relay does not give them.
 */
int takeover_ask(const char *name, struct takeover *t, char *ret_why, size_t size);

/* Takes what the threads of the old relay give away, and its descriptors. */
typedef void takeover_take(struct message *m, void *arg);

/*
 * Says that we could serve, takes the rest and says that we serve. 0: from now on we do. -errno
 * with one line in ret_why: the old relay continues.
 */
int takeover_finish(struct takeover *t, takeover_take *take, void *arg, char *ret_why, size_t size);

#endif
