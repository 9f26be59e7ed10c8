/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recognises our own packets when a route brings them back as a new flow, so that the log
 * can say so. A guess, and nothing is decided by it: what ends a loop is the TTL.
 *
 * A flow that has its client's address and port (source = client-ip-port) looks the same
 * before and after us, so none of these is noted.
 */
#ifndef TPROXY_RELAY_LOG_LOOPLOG_H
#define TPROXY_RELAY_LOG_LOOPLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/net/addr.h"

#define LOOPLOG_SLOTS 65536  /* for the latest flows of all workers; a newer one takes a slot */
#define LOOPLOG_AGE_MS 60000 /* an older note is of another flow with the same port */

/* Shared by all threads, without a lock. */
struct looplog;

/* NULL: no memory. */
struct looplog *looplog_new(void);
void looplog_free(struct looplog *l);

/* What identifies a flow as others see it. */
struct looplog_flow {
	const union saddr *src;
	const union saddr *dst;
	uint8_t ttl; /* it was sent with, or has arrived with; 0: not known */
};

/* sent: from us, for this client. now: ms of CLOCK_MONOTONIC, as below. */
void looplog_note(struct looplog *l, const struct looplog_flow *sent, const union saddr *client,
		  uint64_t now);

/*
 * Whether this new flow is probably one of ours. A client that happens to choose the same
 * port is told apart by its TTL: ours only gets smaller on its way.
 */
bool looplog_seen(struct looplog *l, const struct looplog_flow *arrived, uint64_t now);

/* Warns of it, once a minute at most. */
void looplog_warn(struct looplog *l, const struct looplog_flow *arrived, uint64_t now);

#endif
