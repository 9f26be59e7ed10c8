/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets that answers to UDP clients leave from, bound to the address the client
 * had asked: one for each address and worker, shared by its flows. Kept for a
 * while after the last flow (a new socket for each answer costs five times as much),
 * the longest unused goes first, and above a number answers leave through a raw
 * socket. Must not know sessions.
 */
#ifndef TPROXY_RELAY_REPLY_H
#define TPROXY_RELAY_REPLY_H

#include "relay/udptrain.h"
#include "relay/worker.h"

struct reply_table;

struct reply {
	struct io io; /* fd < 0: not opened, or impossible */
	struct grave grave;
	LIST_ENTRY(reply) link;
	TAILQ_ENTRY(reply) idle; /* if there are no users */
	struct reply_table *table;
	union saddr addr;
	unsigned int users;
	unsigned int directs; /* sockets on this address that belong to one flow */
	uint64_t idle_since;  /* ms */
	bool raw;	      /* cannot be bound */
};

/*
 * ready: called when datagrams arrived at a reply socket. They must be read: the
 * socket is the better match for them than the listener, and would swallow them.
 * max: of open sockets.
 */
int reply_table_open(struct worker *w, unsigned int max,
		     void (*ready)(struct io *io, uint32_t events), void *owner,
		     struct reply_table **ret_table);
void reply_table_close(struct reply_table *t);

/* The owner given at reply_table_open. */
void *reply_owner(const struct reply *r);

/* Finds or makes the one for this address; reply_put gives it back. 0 or -ENOMEM. */
int reply_get(struct reply_table *t, const union saddr *addr, struct reply **ret_reply);
void reply_put(struct reply *r);

/* Sends the train to a client; what cannot be sent is counted in it as lost. */
void reply_send(struct reply *r, const union saddr *client, struct udp_train *train,
		uint32_t *gso_limit);

/* Closes the longest unused socket, for somebody who needs a descriptor. False: all are in use. */
bool reply_evict(struct reply_table *t);

/*
 * A socket on an original destination, shared with others there by SO_REUSEADDR. Not
 * watched yet: until it is read, it swallows datagrams. device: to bind to, or 0. The
 * descriptor or -errno.
 */
int reply_bind(const union saddr *addr, int device);

#endif
