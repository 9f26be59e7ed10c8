/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flows of one thread, by client: a lane has those of one client, the longest idle first, and
 * all lanes are ordered by their number of flows. So it is known at once which client has the most
 * and which of its flows makes room. Counts each flow for its client, too. Must not end flows, nor
 * know what they are.
 *
 *   lanes ──► lane of client A ──► TCP: flow, flow, flow      lane_kind
 *         │                    └─► UDP, answered: flow
 *         └─► lane of client B ──► TCP: flow
 */
#ifndef TPROXY_RELAY_ADMIT_LANES_H
#define TPROXY_RELAY_ADMIT_LANES_H

#include <sys/queue.h>

#include "relay/admit/clients.h"
#include "relay/admit/flowlink.h"

struct lanes;
struct lane;

/* NULL: no memory. */
struct lanes *lanes_new(struct clients *clients);

/* After all flows have left. l may be NULL. */
void lanes_free(struct lanes *l);

/*
 * Admits a flow: NULL and its lane, or the name of the limit that is reached. The flow then joins
 * the lane, or lane_release gives its place back. Limits of 0 admit any flow.
 */
const char *lanes_admit(struct lanes *l, const struct limit_values *v, const union saddr *client,
			uint64_t now_ms, struct lane **ret_lane);
void lane_release(struct lane *lane);

/* The lane of that client, NULL: it has no flow here. */
struct lane *lanes_find(struct lanes *l, const union saddr *client, uint8_t prefix6);

/* A flow that was admitted, and its end. */
void lane_join(struct lane *lane, enum lane_kind kind, struct flow_link *flow, uint64_t now_ms);
void lane_leave(struct flow_link *flow);

/*
 * Another relay counts the flow now, and perhaps takes it; or it did not. So each flow counts once
 * for the limits, whichever relay looks.
 */
void lane_lend(struct flow_link *flow);
void lane_reclaim(struct flow_link *flow);

/* The flow has become another kind. */
void lane_change(struct flow_link *flow, enum lane_kind kind, uint64_t now_ms);

/*
 * The flow was busy: it is now the last of its lane. Moving costs cache misses, so it does so once
 * in grain_ms at most; the order is no more exact than that.
 */
void lane_touch(struct flow_link *flow, uint64_t now_ms, unsigned int grain_ms);

/* Flows of that kind: of this lane, of all, and of the largest lane. */
unsigned int lane_count(const struct lane *lane, enum lane_kind kind);
unsigned int lanes_count(const struct lanes *l, enum lane_kind kind);
unsigned int lanes_largest(const struct lanes *l, enum lane_kind kind);

/* See client_room: bytes that flows of this lane may move now, and that they have moved. */
size_t lane_room(const struct lane *lane, const struct bandwidth_flow *flow);
void lane_spend(struct lane *lane, const struct bandwidth_flow *flow, size_t bytes);

/* Whether lane_room is worth asking. */
static inline bool lane_is_limited(const struct limit_values *v)
{
	return v->bandwidth_per_source || v->bandwidth_total;
}

/* The client has, in all threads, more flows than one may have by default. */
bool lane_is_over_default_tcp(const struct lane *lane);
bool lane_is_over_default_udp(const struct lane *lane);

/* The longest idle flow of that kind in this lane, NULL: there is none. */
struct flow_link *lane_oldest(const struct lane *lane, enum lane_kind kind);

/* The same of the client that has the most; of equal ones that which was quiet for longest. */
struct flow_link *lanes_oldest(const struct lanes *l, enum lane_kind kind);

/*
 * Which flow makes room for one of the newcomer: of a client that has more than the newcomer would
 * have, the longest idle of the largest one, and *ret_must is set. Otherwise the longest idle of
 * the newcomer, or of anybody if he has none; then the newcomer should be refused if that one is
 * busy. NULL: there are none.
 */
struct flow_link *lanes_victim(const struct lanes *l, enum lane_kind kind,
			       const struct lane *newcomer, bool *ret_must);

#endif
