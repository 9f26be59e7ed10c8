/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The service manager's watchdog: it gets its message only while each thread makes turns, so that it
 * restarts a relay in which one hangs. Must not give orders.
 */
#ifndef TPROXY_RELAY_WATCHDOG_H
#define TPROXY_RELAY_WATCHDOG_H

#include "relay/thread.h"

struct watchdog {
	uint64_t period_ms;                  /* how often it gets one, 0: never */
	uint64_t due;                        /* ms of CLOCK_MONOTONIC */
	uint64_t beats[OPTIONS_MAX_WORKERS]; /* of each thread, when we last looked */
};

/* Milliseconds until watchdog_feed has something to do, -1: never. */
int watchdog_wait(const struct watchdog *w);

/* True: it was due, and the threads are to be woken, so that they make a turn until the next one. */
bool watchdog_feed(struct watchdog *w, const struct relay_thread *threads, unsigned int count);

#endif
