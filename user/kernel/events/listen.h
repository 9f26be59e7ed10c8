/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hears the events of a state: a watch session that gets them, followed when the state is another
 * one. Must not know what an event means.
 */
#ifndef TPROXY_KERNEL_EVENTS_LISTEN_H
#define TPROXY_KERNEL_EVENTS_LISTEN_H

#include "kernel/state/state.h"
#include "kernel/watch/session.h"

struct event_listener {
	struct watch_session watch;
	__u32 state; /* id of its map watchers; 0: nothing is heard */
	/* 0, or negative: the events after this one wait for the next call. */
	int (*heard)(const struct tproxy_event *event, void *arg);
	void *arg;
	uint64_t lost; /* events that did not fit, as last asked */
};
#define EVENT_LISTENER_CLOSED                                                                      \
	(struct event_listener)                                                                    \
	{                                                                                          \
		.watch = WATCH_SESSION_INIT                                                        \
	}

/*
 * Call it once a second: it keeps the session alive, or begins another one. 0: events are heard;
 * -errno as watch_session_open.
 */
int event_listener_follow(struct event_listener *listener, const struct state *state);
/* Readable when there are events; -1: nothing is heard. */
int event_listener_fd(const struct event_listener *listener);
/* Calls heard for each event that waits, until one call is not 0. */
void event_listener_read(struct event_listener *listener);
/* How many were lost since the last call. */
uint64_t event_listener_lost(struct event_listener *listener);
/* Ends the session; heard and arg stay. */
void event_listener_close(struct event_listener *listener);

#endif
