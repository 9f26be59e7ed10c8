/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hears the events of a state: attaches to tproxy_event() in each of its programs, with a ring
 * buffer of its own. Nothing is pinned: all is gone when the process ends. Must not know what an
 * event means.
 */
#ifndef TPROXY_KERNEL_EVENTS_LISTEN_H
#define TPROXY_KERNEL_EVENTS_LISTEN_H

#include "kernel/state/state.h"

struct event_ear; /* on one program */

struct event_listener {
	struct event_ear *ears[PROG_MAX];
	__u32 progs[PROG_MAX]; /* ids of these programs; 0: none was there */
	struct ring_buffer *ring;
	int events; /* the map; -1: none yet */
	int counters;
	void (*heard)(const struct tproxy_event *event, void *arg);
	void *arg;
	uint64_t lost; /* events that did not fit, as last asked */
};
#define EVENT_LISTENER_CLOSED                                                                      \
	(struct event_listener)                                                                    \
	{                                                                                          \
		.events = -1, .counters = -1                                                       \
	}

/*
 * Attaches to the programs that are pinned now; cheap if they are still the same. 0: the events of
 * the loader are heard. -ENOENT: the programs are of an older build, which reports none; or
 * -errno: the kernel refuses it.
 */
int event_listener_follow(struct event_listener *listener, const struct state *state);
/* Readable when there are events; -1: it is attached to nothing. */
int event_listener_fd(const struct event_listener *listener);
/* Calls heard for each event that waits. */
void event_listener_read(struct event_listener *listener);
/* How many were lost since the last call. */
uint64_t event_listener_lost(struct event_listener *listener);
/* Lets go of the programs; heard and arg stay. */
void event_listener_close(struct event_listener *listener);

#endif
