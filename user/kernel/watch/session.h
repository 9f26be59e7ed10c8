/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One watch session (tproxy_watch.h): takes a slot of a state, gives it a ring buffer, keeps it alive
 * and gives it back. Knows no record that is sent. The data path lets one session only have a slot,
 * so no lock of the state is needed, and a session can begin while a command changes the state.
 */
#ifndef TPROXY_KERNEL_WATCH_SESSION_H
#define TPROXY_KERNEL_WATCH_SESSION_H

#include "kernel/state/state.h"
#include "tproxy_watch.h"

struct ring_buffer;

/* data is a record of size bytes. 0, or negative to stop reading. */
typedef int (*watch_cb)(void *arg, void *data, size_t size);

struct watch_session {
	int prog, watchers, rings; /* of the state */
	int events;                /* the ring buffer */
	struct ring_buffer *ring;
	__u32 slot;
	__u64 owner; /* 0: it has no slot */
	struct trace_totals last;
};
#define WATCH_SESSION_INIT                                                                         \
	{                                                                                          \
		.prog = -1, .watchers = -1, .rings = -1, .events = -1                              \
	}
#define WATCH_SESSION_CLOSED (struct watch_session) WATCH_SESSION_INIT

struct watch_wish {
	__u32 kinds; /* enum tproxy_watch_kind, OR */
	__u32 only;
	const struct trace_filter *filter; /* NULL: of no packets */
	__u32 bytes;                       /* of the ring buffer: a power of two, pages */
	watch_cb cb;
	void *arg;
};

/*
 * 0, or -errno. -ENOENT: the programs are of an older build; -EUSERS: too many sessions live. Close
 * it in each case.
 */
int watch_session_open(struct watch_session *session, const struct state *state,
		       const struct watch_wish *wish);

/*
 * Call it at least once a second. -ESTALE: another session has the slot, because this one was not
 * renewed in time; open another.
 */
int watch_session_renew(struct watch_session *session, __u32 only);

/* Readable when there are records; -1: closed. */
int watch_session_fd(const struct watch_session *session);

/* Hands over what is there. 0, or the result of cb that stopped it. */
int watch_session_read(struct watch_session *session);

/* No new records; what was sent can still be read. */
void watch_session_stop(struct watch_session *session);

/* Since it was opened; the last ones after it was stopped. */
struct trace_totals watch_session_totals(struct watch_session *session);

void watch_session_close(struct watch_session *session);

/*
 * Removes the ring buffers of sessions that were killed, as soon as their time is over; later nobody
 * fills them. Returns how many.
 */
unsigned int watch_sessions_clean(const struct state *state);

#endif
