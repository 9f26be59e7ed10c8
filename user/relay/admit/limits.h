/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounds how many flows there are, in all and for each client, and how fast they come. The only
 * state that threads write together: once when a flow begins and once when it ends, never for its
 * bytes. Must not know sessions and connections.
 *
 * A client is an IPv4 address or an IPv6 prefix, by default a /64: one host gets that much and
 * can choose any addresses of that prefix (RFC 4291, RFC 8981).
 */
#ifndef TPROXY_RELAY_ADMIT_LIMITS_H
#define TPROXY_RELAY_ADMIT_LIMITS_H

#include "relay/config/limit_values.h"
#include "relay/net/addr.h"

struct limits;
struct limits_source;

/* What one flow holds and gives back at its end. All zero: nothing. */
struct limits_ticket {
	struct limits_source *source; /* NULL: not counted for its client */
	bool counted;
};

/* NULL: no memory. */
struct limits *limits_new(void);
void limits_free(struct limits *l);

/*
 * Any thread. NULL and a ticket, or the name of the limit that is reached:
 * "max-flows", "flow-rate" … now_ms: CLOCK_MONOTONIC.
 */
const char *limits_take(struct limits *l, const struct limit_values *values,
			const union saddr *client, uint64_t now_ms,
			struct limits_ticket *ret_ticket);

/* Any thread; a ticket may be released twice. */
void limits_release(struct limits *l, struct limits_ticket *ticket);

/* Flows that hold a ticket. */
uint32_t limits_flows(const struct limits *l);

#endif
