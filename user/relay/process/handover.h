/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Restart without losing a connection. The new relay asks the running one for
 * its listeners and gets the sockets themselves, so that queues and socket map
 * slots stay what they are. The running one serves until the new one says that it is
 * ready; if it dies before, the old one just goes on.
 *
 * They meet at the abstract unix socket @tproxy-relay/PORT (of the first port), or
 * @tproxy-relay/PORT%DEVICE (if they are bound to a device, for others may have the
 * port then too), which belongs to the network namespace as the listeners do, needs no
 * directory and vanishes with its owner. Both check who is at the other end: root, or the
 * user that started them.
 */
#ifndef TPROXY_RELAY_PROCESS_HANDOVER_H
#define TPROXY_RELAY_PROCESS_HANDOVER_H

#include <sys/types.h>

#include "relay/process/inherited.h"

struct handover {
	int door;  /* where the next relay asks; readable: handover_answer */
	int peer;  /* one that we gave the listeners to; readable: handover_verdict */
	uid_t uid; /* who may ask besides root: the user that started us, not the one we became */
};

/* What is served, as it stands in that name. */
void handover_name(const struct options *o, char *ret_name);
#define HANDOVER_NAME_LEN (6 + IF_NAMESIZE)

/* The new relay's side. */

/*
 * 0: nobody serves this, *ret_line is -1; or there is a heritage, and *ret_line
 * leads to its owner. -errno with one line in ret_why (size bytes) otherwise. *ret_door:
 * the former relay's, for handover_open, or -1.
 */
int handover_ask(const char *name, struct inherited *ret_heritage, int *ret_line, int *ret_door,
		 char *ret_why, size_t size);

/* Everything is served: the former relay may go. Closes the line. */
void handover_finish(int *line);

/* The running relay's side. */

/*
 * inherited: the door of the former relay, or -1. To be called while privileged, for
 * that is what the next relay looks at. 0 or -errno.
 */
int handover_open(struct handover *h, const char *name, int inherited);

/* Somebody asks: gives the listeners away. Never blocks. 0 or -errno: there is no peer. */
int handover_answer(struct handover *h, const struct inherited *inherited);

/* 1: the peer serves, we may go; 0: it is gone, we stay; -EAGAIN: not yet. */
int handover_verdict(struct handover *h);

void handover_close(struct handover *h);

#endif
