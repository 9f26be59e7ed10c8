/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets that send answers to UDP clients: one for each port, family and worker, shared by all
 * flows to that port. They are bound to an address where nobody can send, and receive nothing: on
 * the address that a client asked they would receive the datagrams of all its clients, also of
 * those that no rule names. Each answer names that address as its source. A socket is kept for a
 * while after its last flow, since a new one for each answer costs five times as much; the longest
 * unused one is closed first. Without a free socket, answers leave through a raw one. Must not know
 * sessions.
 */
#ifndef TPROXY_RELAY_UDP_REPLY_H
#define TPROXY_RELAY_UDP_REPLY_H

#include "relay/admit/budget.h"
#include "relay/loop/engine_context.h"
#include "relay/loop/worker.h"
#include "relay/udp/train.h"

struct reply_table;

struct reply {
	int fd; /* < 0: not opened yet, or cannot be bound */
	LIST_ENTRY(reply) link;
	TAILQ_ENTRY(reply) idle; /* if it has no users */
	struct reply_table *table;
	union saddr local; /* where it is bound */
	unsigned int users;
	uint64_t idle_since; /* ms */
	uint32_t mtu;        /* of fragments, as the socket is set now (IPV6_MTU); 0: by route */
	uint8_t df;          /* enum df, as the socket is set now */
	bool raw;            /* cannot be bound */
};

/* descriptors: outlives the table, which takes them from there. */
int reply_table_open(struct engine_context *ctx, struct budget_share *descriptors,
		     struct reply_table **ret_table);
void reply_table_close(struct reply_table *t);

/* Finds or makes the one for the port of addr; reply_put returns it. 0 or -ENOMEM. */
int reply_get(struct reply_table *t, const union saddr *addr, struct reply **ret_reply);
void reply_put(struct reply *r);

/* Source and destination of answers, and what the path takes (see train_way). */
struct reply_way {
	const union saddr *from; /* with the port of reply_get */
	const union saddr *client;
	uint32_t *gso_limit;
	uint32_t mtu; /* of the path, 0: by route */
};

/*
 * Sends the train, and counts in it what cannot be sent as lost. 0, or the MTU of the path: the
 * next datagram is too big and forbids fragments. Another call begins with that one.
 */
uint32_t reply_send(struct reply *r, const struct reply_way *way, struct train *train);

/* The same without a socket on that port; costs more. */
uint32_t reply_send_raw(struct reply_table *t, const struct reply_way *way, struct train *train);

/* Closes the longest unused socket to free a descriptor. False: all are in use. */
bool reply_evict(struct reply_table *t);

#endif
