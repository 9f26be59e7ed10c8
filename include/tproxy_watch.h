/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract of watch sessions: how `trace` and `monitor` ask the data path to show what it does.
 * The data path has a few slots. A session takes one, puts a ring buffer of its own there, and says
 * again and again that it lives: a session that was killed costs nothing as soon as its time is over.
 * Owns the layouts of the pinned maps internal/watch*, which are part of the pinned ABI.
 */
#ifndef TPROXY_WATCH_H
#define TPROXY_WATCH_H

#include "tproxy_trace.h"

#define TPROXY_WATCHERS 8                    /* sessions at once */
#define TPROXY_WATCH_LIFE_NS (5000000000ULL) /* after the last renewal */

/* What a session gets. */
enum tproxy_watch_kind {
	TPROXY_WATCH_PACKETS = 1 << 0, /* struct trace_event */
	TPROXY_WATCH_EVENTS = 1 << 1,  /* struct tproxy_event */
	TPROXY_WATCH_OWN = 1 << 2,     /* of own traffic: struct trace_call and trace_event */
};

/* A slot. Only the data path and tproxy_watch write it. Times are CLOCK_MONOTONIC in ns. */
struct tproxy_watcher {
	__u64 until_ns;             /* in use until then */
	__u64 owner;                /* a random number of the session; 0: its ring is removed */
	struct trace_totals totals; /* since the session began */
	struct trace_filter filter; /* of packets */
	__u32 only;                 /* of packets: index of the only interface; 0: all attached */
	__u32 kinds;                /* enum tproxy_watch_kind, OR; 0: it gets nothing now */
};

enum tproxy_watch_op {
	TPROXY_WATCH_OP_CLAIM, /* take the slot if nobody uses it */
	TPROXY_WATCH_OP_START, /* the ring buffer is there: set filter, only and kinds */
	TPROXY_WATCH_OP_RENEW, /* still there: set only */
	TPROXY_WATCH_OP_STOP,  /* nothing more, but keep the slot */
	TPROXY_WATCH_OP_LEAVE, /* give the slot back */
};

/* For the program tproxy_watch, which returns 0 or an enum tproxy_watch_refusal. */
struct tproxy_watch_request {
	__u64 owner; /* of the session; not 0 */
	struct trace_filter filter;
	__u32 op; /* enum tproxy_watch_op */
	__u32 slot;
	__u32 only;
	__u32 kinds;
};

enum tproxy_watch_refusal {
	TPROXY_WATCH_REFUSED = 1, /* there is no such slot or operation */
	TPROXY_WATCH_BUSY,        /* CLAIM: another session uses it */
	TPROXY_WATCH_LOST,        /* the slot was taken over: it was not renewed in time */
};

_Static_assert(sizeof(struct trace_filter) == 72, "pinned ABI");
_Static_assert(sizeof(struct trace_event) == 160, "traces of other builds read it");
_Static_assert(sizeof(struct trace_call) == 200, "traces of other builds read it");
_Static_assert(sizeof(struct trace_totals) == 24, "pinned ABI");
_Static_assert(sizeof(struct tproxy_watcher) == 120, "pinned ABI");
_Static_assert(sizeof(struct tproxy_watch_request) == 96, "pinned ABI");

#endif
