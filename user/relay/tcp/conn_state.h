/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the two halves of a connection's life share: opening it (connopen.c) and
 * relaying until it ends (conn.c). For these two files only.
 */
#ifndef TPROXY_RELAY_TCP_CONN_STATE_H
#define TPROXY_RELAY_TCP_CONN_STATE_H

#include "relay/net/arrival.h"
#include "relay/tcp/conn.h"
#include "relay/upstream/handshake.h"
#include "relay/tcp/pump.h"

/*
 * Both sockets are in epoll once, edge triggered, for everything. So what an
 * edge said is remembered here until a call answers EAGAIN.
 */
struct side {
	struct io io;
	bool readable;
	bool writable;
};

enum conn_reset { RESET_NONE = 0, RESET_CLIENT = 1, RESET_SERVER = 2, RESET_BOTH = 3 };

struct conn {
	struct free_later free_later;
	TAILQ_ENTRY(conn) link;
	struct worker *w;
	struct side client;
	struct side server;
	struct pump up;   /* client to server */
	struct pump down; /* server to client */
	struct task more; /* a pump has used up its turn, or ack_due */
	struct timer timer;
	bool connecting;
	bool kept_alive;
	bool loop;               /* see struct flow_record */
	bool ack_due;            /* nothing has left yet that completes the handshake */
	enum flow_end first_fin; /* valid once a pump is done */
	uint64_t id;
	uint64_t begin;  /* ms */
	uint64_t last;   /* ms; the latest byte */
	uint64_t listed; /* ms; when it became the last of the list */
	union saddr client_addr;
	union saddr dst;
	union saddr server_addr; /* see struct flow_record */
	union saddr source;
	struct arrival arrival; /* of the client's handshake */
	struct limits_ticket ticket;
	struct handshake *handshake; /* what is said before the client's bytes, while connecting */
	const char *reason;          /* should the connection not come about, or NULL */
};

/* --- conn.c --- */

/* Connecting, without a server's socket. Takes over fd. NULL: no memory, fd is the caller's. */
struct conn *conn_new(struct worker *w, int fd, const struct flow_record *record);

/* The server's socket is connected, and all said that comes before the client's bytes. */
void conn_begin(struct conn *c);

struct flow_record conn_record(const struct conn *c);

/* Counted from the last byte. */
void conn_set_timer(struct conn *c, uint32_t seconds);

/* One side broke: the other learns it by RST. err: positive errno. Ends c. */
void conn_broken(struct conn *c, const struct side *side, int err);

/* The only way out. err: positive errno for the record, or 0. */
void conn_finish(struct conn *c, enum flow_end end, int err, enum conn_reset reset);

/* --- connopen.c --- */

/* An event of either side while c->connecting. May end c. */
void conn_connect_event(struct conn *c, struct side *side, uint32_t events);

#endif
