/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which records of flows that failed are written: so many a second for each client and end, and for
 * each end in all. Counts the others by client and end. Bounded memory, one thread at a time; must
 * not know the time or write anything.
 */
#ifndef TPROXY_RELAY_LOG_THROTTLE_H
#define TPROXY_RELAY_LOG_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>

#include "relay/log/flowrecord.h"

/* A second; after a quiet time the burst may come at once. */
#define THROTTLE_CLIENT_RATE 10
#define THROTTLE_CLIENT_BURST 20
#define THROTTLE_END_RATE 50
#define THROTTLE_END_BURST 100

#define THROTTLE_CLIENTS 2048 /* pairs of client and end; a further one counts as "others" */
#define THROTTLE_NAMED 20     /* that a report names; the rest are "others" */
#define THROTTLE_COUNTS_MAX (THROTTLE_NAMED + END_MAX)

struct throttle;

/* NULL: no memory. */
struct throttle *throttle_new(void);
void throttle_free(struct throttle *t);

/* Whether the record is written. client: with port 0; now: ms of CLOCK_MONOTONIC. */
bool throttle_take(struct throttle *t, const union saddr *client, enum flow_end end, uint64_t now);

/*
 * What was left out since the last call: the clients with the most flows first, then all others by
 * end, with a client of family 0. ret_counts takes THROTTLE_COUNTS_MAX. Returns the number.
 */
size_t throttle_collect(struct throttle *t, struct flow_count *ret_counts);

#endif
