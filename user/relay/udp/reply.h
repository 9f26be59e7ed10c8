/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets that answers to UDP clients leave from: one for each port, family and worker, shared
 * by all flows to that port. They are bound where nobody can send, and hear nothing: on the
 * address that a client had asked they would take the datagrams of all who ask it, also of
 * those that no rule concerns. That address is named with each answer. Kept for a while after
 * the last flow (a new socket for each answer costs five times as much), the longest unused
 * is closed first, and above a number answers leave through a raw socket. Must not know sessions.
 */
#ifndef TPROXY_RELAY_UDP_REPLY_H
#define TPROXY_RELAY_UDP_REPLY_H

#include "relay/loop/engine_context.h"
#include "relay/udp/train.h"

struct reply_table;

struct reply {
	int fd; /* < 0: not opened, or impossible */
	LIST_ENTRY(reply) link;
	TAILQ_ENTRY(reply) idle; /* if there are no users */
	struct reply_table *table;
	union saddr local; /* where it is bound */
	unsigned int users;
	uint64_t idle_since; /* ms */
	uint32_t mtu;        /* that fragments are cut to now (IPV6_MTU), 0: as the route says */
	uint8_t df;          /* enum df, that the socket has now */
	bool raw;            /* cannot be bound */
};

/* max: of open sockets. */
int reply_table_open(struct engine_context *ctx, unsigned int max, struct reply_table **ret_table);
void reply_table_close(struct reply_table *t);

/* Finds or makes the one for this address's port; reply_put gives it back. 0 or -ENOMEM. */
int reply_get(struct reply_table *t, const union saddr *addr, struct reply **ret_reply);
void reply_put(struct reply *r);

/* Who answers whom, and what the path takes (see train_way). from has the port of reply_get. */
struct reply_way {
	const union saddr *from;
	const union saddr *client;
	uint32_t *gso_limit;
	uint32_t mtu; /* of the path, 0: as the route says */
};

/*
 * Sends the train; what cannot be sent is counted in it as lost. 0, or the MTU of the path: the
 * next datagram must not be fragmented and is too big. The next call begins with that one.
 */
uint32_t reply_send(struct reply *r, const struct reply_way *way, struct train *train);

/* The same without a socket on that port; costs more. */
uint32_t reply_send_raw(struct reply_table *t, const struct reply_way *way, struct train *train);

/* Closes the longest unused socket, for somebody who needs a descriptor. False: all are in use. */
bool reply_evict(struct reply_table *t);

#endif
