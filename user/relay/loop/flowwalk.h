/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks through the flows of a thread for another thread, which lists or ends them. A walk is sent
 * to the port of a thread, does a bounded number of flows in each turn of its loop, and comes back
 * when its message is full or the table is at its end; sent again, it continues. So one walk needs
 * the memory of one message, and no flow waits for it. Must not know who asks, nor what a flow is.
 */
#ifndef TPROXY_RELAY_LOOP_FLOWWALK_H
#define TPROXY_RELAY_LOOP_FLOWWALK_H

#include <pthread.h>

#include "lib/flows/proto.h"
#include "relay/loop/flowtable.h"
#include "relay/loop/worker.h"

TAILQ_HEAD(flow_walks, flow_walk);

/* Where walks come back to. */
struct flow_walk_home {
	pthread_mutex_t lock;
	struct flow_walks back;
	int event; /* eventfd; readable: flowwalk_take */
};

/* The sender must not touch it while it is away, except for `cancelled`. */
struct flow_walk {
	TAILQ_ENTRY(flow_walk) link;
	struct flow_walk_home *home;
	_Atomic bool cancelled; /* it comes back soon */
	enum flows_kind kind;   /* FLOWS_LIST or FLOWS_KILL */
	uint8_t flags;          /* for each record */
	struct flows_filter filter;
	size_t cursor; /* 0 for a new table */
	bool done;     /* the table is at its end */
	uint64_t matched;
	struct flows_message message; /* emptied by the sender */
};

/* The door of a thread to its table. */
struct flow_port {
	struct io io; /* eventfd */
	struct task task;
	struct worker *w;
	struct flow_table *table;
	pthread_mutex_t lock;
	struct flow_walks waiting;
	bool stopped;
};

union saddr;

/* As in the answers of a relay. */
struct flows_address flowwalk_address(const union saddr *a);

/* 0 or -errno; close it in any case. */
int flowwalk_home_open(struct flow_walk_home *home);
void flowwalk_home_close(struct flow_walk_home *home);

/* A walk that came back; NULL: no more. */
struct flow_walk *flowwalk_take(struct flow_walk_home *home);

/* From any thread. A port that is stopped sends it back at once, as done. */
void flowport_send(struct flow_port *port, struct flow_walk *walk);

/* Before the thread starts. 0 or -errno; close it in any case. */
int flowport_open(struct flow_port *port, struct worker *w, struct flow_table *table);

/* In the thread, at its end: all walks go back, and none is taken any more. */
void flowport_stop(struct flow_port *port);
void flowport_close(struct flow_port *port);

#endif
