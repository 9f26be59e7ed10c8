/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounds how often one kind of line is written, and counts those that are left out. Must not write
 * a line itself.
 */
#ifndef TPROXY_RELAY_LOG_LIMIT_H
#define TPROXY_RELAY_LOG_LIMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * `max` lines in a window. Threads may share it. It lives until the relay ends. Without braces for
 * the rest, all of that is 0.
 */
struct record_limit {
	const char *what; /* the lines, for "N more WHAT were not logged" */
	unsigned int max;
	uint64_t window_ms;
	_Atomic uint64_t begin; /* ms, of the window; 0: there was none yet */
	_Atomic unsigned int count;
	_Atomic unsigned int left_out; /* and not reported yet */
};

/*
 * Whether one more line may be written; now: ms of any one clock. How many were left out is reported
 * after the window, by the main thread.
 */
bool record_limit_take(struct record_limit *limit, uint64_t now);

/* Calls say for each limit that left lines out and is due, or for all. The main thread only. */
void limits_report(bool all, void (*say)(const char *what, unsigned int count));

#endif
