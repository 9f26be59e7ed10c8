/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Restart without losing a connection. The new relay asks the running one for its listeners and
 * gets the sockets themselves, so that queues and socket map slots stay what they are. The running
 * relay serves until the new one says that it is ready; if that one dies before, the running one
 * continues.
 *
 * They meet at the abstract unix socket @tproxy-relay/PORT (of the first port), or
 * @tproxy-relay/PORT%DEVICE if they are bound to a device, because others may have the port then.
 * It belongs to the network namespace as the listeners do, needs no directory and vanishes with
 * its owner. Both check who is at the other end: root, or the user that started them.
 *
 * Must not know what the listeners are for.
 */
#ifndef TPROXY_RELAY_PROCESS_HANDOVER_H
#define TPROXY_RELAY_PROCESS_HANDOVER_H

#include <sys/types.h>

#include "relay/process/inherited.h"

/* The name of what these options serve, in ret_name (HANDOVER_NAME_LEN bytes). */
void handover_name(const struct options *o, char *ret_name);
#define HANDOVER_NAME_LEN (6 + IF_NAMESIZE)

/* ---- the new relay's side ----------------------------------------------- */

/* What a running relay gives. Descriptors of -1 and no listeners: there is none. */
struct takeover {
	struct inherited listeners;
	int old_relay_fd; /* leads to that relay; for handover_finish */
	int listen_fd;    /* its own, for handover_open */
};

/* 0, or -errno with one line in ret_why (size bytes): the running relay does not give them. */
int handover_ask(const char *name, struct takeover *ret_takeover, char *ret_why, size_t size);

/* Says that everything is served, so that the old relay may go. Closes the descriptor. */
void handover_finish(int *old_relay_fd);

/* ---- the running relay's side ------------------------------------------- */

struct handover {
	int listen_fd;    /* where the next relay asks; readable: handover_answer */
	int new_relay_fd; /* leads to the relay that has our listeners; readable: handover_verdict */
	uid_t uid;        /* who may ask besides root: the user that started us */
};

/*
 * listen_fd: of the old relay, or -1. Call it while privileged: the next relay checks the
 * credentials of this call. 0 or -errno.
 */
int handover_open(struct handover *h, const char *name, int listen_fd);

/* Another relay asks: gives it the listeners. Never blocks. 0, or -errno if it did not get them. */
int handover_answer(struct handover *h, const struct inherited *listeners);

/* 1: the new relay serves, we may go; 0: it is gone, we stay; -EAGAIN: not yet. */
int handover_verdict(struct handover *h);

void handover_close(struct handover *h);

#endif
