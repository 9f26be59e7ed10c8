/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recognises our own packets when a route brings them back as a new flow, so that the log can say
 * so. It is a guess, and must not decide anything: the TTL ends a loop.
 *
 * A flow with its client's address and port (source = client-ip-port) looks the same before and
 * after us, so such flows are not noted.
 */
#ifndef TPROXY_RELAY_LOG_LOOPLOG_H
#define TPROXY_RELAY_LOG_LOOPLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/net/addr.h"

#define LOOPLOG_SLOTS 65536  /* for the latest flows of all workers; a new flow replaces one */
#define LOOPLOG_AGE_MS 60000 /* an older note belongs to an earlier flow with the same port */

/* Shared by all threads, without a lock. */
struct looplog;

/* NULL: no memory. */
struct looplog *looplog_new(void);
void looplog_free(struct looplog *l);

/* A flow as others see it. */
struct looplog_flow {
	const union saddr *src;
	const union saddr *dst;
	uint8_t ttl; /* that it was sent with, or arrived with; 0: not known */
};

/* Notes a flow that we sent for this client. now: ms of CLOCK_MONOTONIC, as below. */
void looplog_note(struct looplog *l, const struct looplog_flow *sent, const union saddr *client,
		  uint64_t now);

/*
 * Whether this new flow is probably one of ours. The TTL shows a client that happens to choose the
 * same port: ours only gets smaller on its way.
 */
bool looplog_seen(struct looplog *l, const struct looplog_flow *arrived, uint64_t now);

/* Counts it, and logs a warning, once a minute at most. */
void looplog_warn(struct looplog *l, const struct looplog_flow *arrived, uint64_t now);

#endif
