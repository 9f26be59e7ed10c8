/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much a direction of a connection may hold for its receiver, in the kernel and here. Owns
 * the sizes of buffers and windows: a receiver has to show that it takes before they may grow,
 * and they shrink as far as they can when it takes no longer. Must not move bytes, nor end
 * connections: it asks the owner to.
 *
 * Why: the kernel lets a receive buffer grow with what we read, not with what the receiver takes.
 * One burst of 64 KiB makes it 1 MiB; 600 receivers that never read pinned 780 MB, above the limit
 * of tcp_mem for the whole host. A window that was announced cannot be taken back, and bytes that
 * were acknowledged must be kept. So growth is bounded beforehand, and where receivers take first
 * and stall then, the connections that pin most end when all together pin too much.
 */
#ifndef TPROXY_RELAY_TCP_BACKLOG_H
#define TPROXY_RELAY_TCP_BACKLOG_H

#include "relay/loop/worker.h"
#include "relay/tcp/memory.h"
#include "relay/tcp/pump.h"

enum backlog_state {
	BACKLOG_TIGHT,  /* the receiver has shown nothing yet, or takes no longer */
	BACKLOG_WIDE,   /* the kernel sizes the buffers */
	BACKLOG_CAPPED, /* it takes, but all together may hold too much: the buffers do not grow */
};

struct backlog_flow {
	struct pump *pump;
	void *owner;
	int from; /* the sockets stay open until backlog_end */
	int to;
};

/* Exists for a direction that has moved more than small flows do, or whose receiver was full. */
struct backlog {
	TAILQ_ENTRY(backlog) link; /* while it is watched */
	struct backlog_flow flow;
	struct memory_share share;
	enum backlog_state state;
	uint32_t cap; /* bytes; the window while CAPPED */
	bool watched;
	uint8_t quiet; /* looks in a row that saw no byte */
	uint64_t next; /* bytes of the pump at which it is reviewed */
	uint64_t
		span_bytes; /* taken when the span began in which the receiver shows that it takes */
	uint64_t span_begin; /* ms */
	uint64_t look_bytes; /* bytes of the pump, and time, at the last look of the timer */
	uint64_t look_time;
};

TAILQ_HEAD(backlog_list, backlog);

/* Those of one thread. */
struct backlogs {
	struct backlog_list list; /* watched; first the one whose last look is longest ago */
	struct worker *w;
	struct pump_tools *tools;
	struct timer timer;
	void (*evict)(void *owner); /* ends the connection, since others need the memory */
};

void backlogs_init(struct backlogs *all, struct worker *w, struct pump_tools *tools,
		   void (*evict)(void *owner));

/* All must have ended. */
void backlogs_close(struct backlogs *all);

#define BACKLOG_FIRST (16 * 1024) /* bytes that pass without a look; windows do not grow yet */

/* The part of backlog_note that is seldom needed. */
void backlog_review(struct backlogs *all, struct backlog **b, const struct backlog_flow *flow,
		    bool full);

/*
 * To be called after each run of a pump. full: the receiver takes no more for now. *b: NULL at
 * first; the caller ends it with backlog_end.
 */
static inline void backlog_note(struct backlogs *all, struct backlog **b,
				const struct backlog_flow *flow, bool full)
{
	uint64_t next = *b ? (*b)->next : BACKLOG_FIRST;

	if (flow->pump->bytes >= next || (full && !(*b && (*b)->watched)))
		backlog_review(all, b, flow, full);
}

/* *b may be NULL, and is so afterwards. */
void backlog_end(struct backlogs *all, struct backlog **b);

#endif
