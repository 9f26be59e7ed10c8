/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts what an operator has to know although the log may not show each case: since the start, and
 * when it last happened. Any thread. Must not know who asks.
 */
#ifndef TPROXY_RELAY_LOG_TALLY_H
#define TPROXY_RELAY_LOG_TALLY_H

#include <stdint.h>

enum tally_kind {
	TALLY_LIMITED, /* flows refused or ended for lack of descriptors or memory */
	TALLY_NO_PORT, /* flows for which this host had no port */
	TALLY_LOST,    /* lines of the log */
	TALLY_LOOP,    /* flows of the relay itself that came back as new ones */
	TALLY_MAX
};

void tally_add(enum tally_kind kind, uint64_t n);

/* ret_ago_ms: since the latest one, 0 if there was none. Returns how many. */
uint64_t tally_read(enum tally_kind kind, uint64_t *ret_ago_ms);

#endif
