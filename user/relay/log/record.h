/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the rest of the relay logs: a record for each flow, and messages of the daemon. Decides
 * which of them are written: by level, and by rate where others could cause a flood. Must not
 * decide what happens to a flow.
 */
#ifndef TPROXY_RELAY_LOG_RECORD_H
#define TPROXY_RELAY_LOG_RECORD_H

#include <stdatomic.h>

#include "lib/util.h"
#include "relay/log/flowrecord.h"
#include "relay/log/level.h"

/* Before any of the functions below. path NULL: standard output. 0 or -errno. */
int record_open(const char *path, enum record_format format, enum record_level level);

/* Safe in any thread; never block. */
void record_flow_start(const struct flow_record *flow); /* level debug */
void record_say(enum record_level level, const char *fmt, ...) __printf(2, 3);

/*
 * Level info. A thread writes RECORD_REFUSALS_PER_S records of refused flows, since a peer can
 * cause any number of them, and counts the others.
 */
void record_flow_end(const struct flow_record *flow);

#define RECORD_REFUSALS_PER_S 100

/* Bounds one kind of line: `max` in a window. Threads may share it. */
struct record_limit {
	const char *what; /* the lines, for "N more WHAT were not logged" */
	unsigned int max;
	uint64_t window_ms;
	_Atomic uint64_t begin; /* ms, of the window; 0: there was none yet */
	_Atomic unsigned int count;
};

/*
 * Whether one more line may be written; now: ms of any one clock. The first call after a window
 * reports how many lines were left out in it.
 */
bool record_limit_take(struct record_limit *limit, uint64_t now);

#endif
