/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of one TCP connection through the relay, and its life once both sides are connected:
 * open, half closed, over. Owns both sockets and decides how they end: every FIN and RST of one
 * side becomes that of the other. Must not touch payload, which pump does, nor open connections,
 * which conn_open does.
 */
#ifndef TPROXY_RELAY_TCP_CONN_H
#define TPROXY_RELAY_TCP_CONN_H

#include "relay/admit/budget.h"
#include "relay/admit/lanes.h"
#include "relay/log/flowrecord.h"
#include "relay/log/record.h"
#include "relay/loop/engine_context.h"
#include "relay/net/arrival.h"
#include "relay/tcp/backlog.h"
#include "relay/tcp/pump.h"
#include "relay/tcp/sources.h"
#include "relay/upstream/handshake.h"

TAILQ_HEAD(conn_list, conn);

#define CONN_DESCRIPTORS 2 /* of one connection */

/* The connections of one thread, and what they share. The engine owns it. */
struct conns {
	struct engine_context *ctx;
	struct conn_list list;
	struct sources *sources;
	struct budget_share descriptors;
	struct record_limit warnings; /* about a lack of descriptors or memory */
	struct pump_tools tools;
	struct backlogs backlogs;
};

/*
 * Both sockets are in epoll once, edge triggered, for everything. So what an
 * edge said is remembered here until a call answers EAGAIN.
 */
struct side {
	struct io io;
	bool readable;
	bool writable;
	struct backlog *backlog; /* of the direction that begins here; NULL: it has none yet */
	uint64_t read;           /* turn of the loop in which a pump last read from it */
};

enum conn_reset { RESET_NONE = 0, RESET_CLIENT = 1, RESET_SERVER = 2, RESET_BOTH = 3 };

struct conn {
	struct free_later free_later;
	struct flow_member member;
	TAILQ_ENTRY(conn) link;
	struct flow_link flow;
	struct source_member of_source; /* if its source address is ours */
	struct conns *all;
	struct worker *w; /* that of `all` */
	struct side client;
	struct side server;
	struct pump up;   /* client to server */
	struct pump down; /* server to client */
	struct task more; /* a pump has used up its turn, or ack_due */
	struct timer timer;
	struct timer refill; /* until there may be bandwidth again */
	bool begun;          /* conn_begin was called */
	bool kept_alive;
	bool loop;               /* see struct flow_record */
	bool ack_due;            /* nothing has left yet that completes the handshake */
	enum flow_end first_fin; /* valid once a pump is done */
	uint64_t id;
	uint64_t begin; /* ms */
	uint64_t last;  /* ms; the latest byte */
	union saddr client_addr;
	union saddr dst;
	union saddr server_addr; /* see struct flow_record */
	union saddr source;
	struct arrival arrival;      /* of the client's SYN */
	struct handshake *handshake; /* what is sent before the client's bytes, while connecting */
	const char *reason;          /* why the connection fails, if it does; or NULL */
};

/*
 * Takes over fd, the client's socket, its descriptors, taken from `descriptors`, and its place in the lane. There
 * is no server's socket yet, and no callback is set: the caller sets the `ready` of both sides and
 * the timer's `fire`. NULL: no memory, and all that still belongs to the caller.
 */
struct conn *conn_new(struct conns *all, int fd, const struct flow_record *record,
		      struct lane *lane);

/*
 * The server's socket is connected, and all is sent that comes before the client's bytes: relays
 * from now on, with callbacks of its own. May end c.
 */
void conn_begin(struct conn *c);

/* Remembers what an edge of this side said. */
void conn_note_edge(struct conn *c, struct side *side, uint32_t events);

struct flow_record conn_record(const struct conn *c);

/* One side broke: the other learns it by RST. err: positive errno. Ends c. */
void conn_broken(struct conn *c, const struct side *side, int err);

/* The only way to end a connection. err: positive errno for the record, or 0. */
void conn_finish(struct conn *c, enum flow_end end, int err, enum conn_reset reset);

/* Resets a connection, since it pins the most memory of all and others need it. */
void conn_evict_stalled(void *c);

/* Resets all connections. */
void conn_end_all(struct conns *all, enum flow_end end);

#endif
