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
bool pathlog_moved(struct pathlog *l);
bool pathlog_lost(struct pathlog *l);

/* Logs what has been counted. */
void pathlog_report(struct pathlog *l);

#endif
