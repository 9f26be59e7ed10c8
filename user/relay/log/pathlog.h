/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts the flows that a change of addresses or routes has moved or ended, so that one line of the
 * log reports all of them, of all threads. Must not know flows.
 */
#ifndef TPROXY_RELAY_LOG_PATHLOG_H
#define TPROXY_RELAY_LOG_PATHLOG_H

#include <stdatomic.h>
#include <stdbool.h>

#define PATHLOG_AFTER_MS 1000

struct pathlog {
	_Atomic unsigned int moved; /* UDP flows that have another source address now */
	_Atomic unsigned int
		lost; /* TCP connections that ended, since their source address is gone */
};

/* True: the first one since the last report. The caller reports after PATHLOG_AFTER_MS. */
static inline bool pathlog_count(_Atomic unsigned int *count)
{
	return !atomic_fetch_add(count, 1);
}

/* How many there were since the last report. */
static inline unsigned int pathlog_take(_Atomic unsigned int *count)
{
	return atomic_exchange(count, 0);
}

#endif
