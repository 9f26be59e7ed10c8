/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listeners on their way between one worker and the main thread: dead ones to the main thread, which
 * closes them, and new ones to the worker. Each owns what it has taken. Must not watch or open
 * sockets.
 */
#ifndef TPROXY_RELAY_PROCESS_EXCHANGE_H
#define TPROXY_RELAY_PROCESS_EXCHANGE_H

#include <stdatomic.h>

#include "relay/process/listener.h"

struct exchange {
	int wake; /* eventfd of the main thread, borrowed */
	_Atomic int dead[LISTENER_ROWS][TPROXY_CLASS_MAX];    /* why: errno; 0: it is not dead */
	_Atomic int arrived[LISTENER_ROWS][TPROXY_CLASS_MAX]; /* the descriptor + 1; 0: none */
};

/* The worker, which has stopped to watch it: it is the main thread's now. err: errno. */
void exchange_report_dead(struct exchange *x, struct worker_listeners *own, unsigned int row,
			  enum tproxy_class cls, int err);

/* The main thread: why it is dead, or 0. Once for each report. */
int exchange_take_dead(struct exchange *x, unsigned int row, enum tproxy_class cls);

/* The main thread: the worker is to take fd. It has to be woken. */
void exchange_give(struct exchange *x, unsigned int row, enum tproxy_class cls, int fd);

/* The worker: the new listener, or -1. */
int exchange_take(struct exchange *x, unsigned int row, enum tproxy_class cls);

/* Closes those that the worker has not taken; it has ended. */
void exchange_close(struct exchange *x);

#endif
