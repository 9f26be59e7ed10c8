/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which upstream a flow takes: the first of its egress that works. Threads share what they know:
 * one that refuses a connection is passed over from then on, until a check (checker.h) or, without
 * checks, a later flow finds it working. Logs changes. Must not open sockets.
 */
#ifndef TPROXY_RELAY_UPSTREAM_HEALTH_H
#define TPROXY_RELAY_UPSTREAM_HEALTH_H

#include "relay/config/egress.h"

/* Without checks: how long to pass one over that has failed. */
#define HEALTH_RETRY_MS 10000

/*
 * proto: IPPROTO_TCP, or IPPROTO_UDP, which an HTTP proxy does not carry. NULL with the reason for
 * the log: none works, so the flow must be refused. now: ms of CLOCK_MONOTONIC, as below.
 */
const struct proxy *health_choose(const struct egress *egress, int proto, uint64_t now,
				  const char **ret_reason);

/*
 * A connection to this upstream failed (err: positive errno), or succeeded. False: nothing changes
 * for later flows, because it has no alternative, or err is about this host.
 */
bool health_failed(struct egress *egress, const struct proxy *proxy, int err, uint64_t now);
void health_works(struct egress *egress, const struct proxy *proxy);

/* New settings know what old ones knew about the same upstreams. */
void health_inherit(struct egress_list *to, const struct egress_list *from);

#endif
