/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets that answers to UDP clients leave from, bound to the address the client
 * had asked. One for each address and worker, shared by its sessions and kept as
 * long as one of them lives. Must not know sessions.
 */
#ifndef TPROXY_RELAY_REPLY_H
#define TPROXY_RELAY_REPLY_H

#include "relay/worker.h"

struct reply_table;

struct reply {
	struct io io; /* fd < 0: it cannot be bound, answers leave through a raw socket */
	struct grave grave;
	LIST_ENTRY(reply) link;
	struct reply_table *table;
	union saddr addr;
	unsigned int users;
};

/*
 * ready: called when datagrams arrived at a reply socket. They must be read: the
 * socket is the better match for them than the listener, and would swallow them.
 */
int reply_table_open(struct worker *w, void (*ready)(struct io *io, uint32_t events), void *owner,
		     struct reply_table **ret_table);
void reply_table_close(struct reply_table *t);

/* The owner given at reply_table_open. */
void *reply_owner(const struct reply *r);

/* Finds or opens the one for this address; reply_put gives it back. 0 or -errno. */
int reply_get(struct reply_table *t, const union saddr *addr, struct reply **ret_reply);
void reply_put(struct reply *r);

/* One datagram to a client. 0 or -errno. */
int reply_send(const struct reply *r, const union saddr *client, const void *data, size_t len);

#endif
