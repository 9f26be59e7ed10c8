/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The account of memory that TCP connections pin, in all threads: what they may hold, and what
 * stalled ones do hold. Owns the sums and says when they are too large. Must not know sockets.
 */
#ifndef TPROXY_RELAY_TCP_MEMORY_H
#define TPROXY_RELAY_TCP_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes that each direction may hold uncounted; one that never grew stays below. */
#define MEMORY_SMALL (256 * 1024)

/* What one direction has in the account. */
struct memory_share {
	uint32_t charge;  /* bytes that it may hold beyond MEMORY_SMALL */
	uint32_t stalled; /* bytes that it holds while its receiver does not take, or 0 */
	bool early;       /* has one of the larger first windows */
};

/* Reads the limits of the host. Before the threads run. */
void memory_limits(void);

/* For tests: bytes for all charges, and for all stalled directions. */
void memory_set_limits(int64_t budget, int64_t stalled_max);

/* hold: bytes, of which MEMORY_SMALL are free. */
void memory_charge(struct memory_share *share, int64_t hold);
void memory_stalled(struct memory_share *share, int64_t hold);

/* One of a few larger first windows; false: all are taken. */
bool memory_take_early(struct memory_share *share);
void memory_leave_early(struct memory_share *share);

/* Gives everything back. */
void memory_leave(struct memory_share *share);

/* Buffers must not grow any more; they may again. Between the two nothing changes. */
bool memory_is_short(void);
bool memory_is_ample(void);

/*
 * Stalled directions leave too little to those whose receivers take, or to the host, and this one
 * pins as much as the average or more.
 */
bool memory_must_end(const struct memory_share *share);

#endif
