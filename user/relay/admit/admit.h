/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decides where a new flow goes and whether it may, TCP or UDP: pools, destinations that are always
 * refused, access lists, limits, in this order. Counts refusals and names the reason; the caller
 * answers the client and writes the record. Must not touch sockets.
 */
#ifndef TPROXY_RELAY_ADMIT_ADMIT_H
#define TPROXY_RELAY_ADMIT_ADMIT_H

#include "relay/admit/lanes.h"
#include "relay/log/flowrecord.h"
#include "relay/loop/engine_context.h"

/*
 * record: proto, client and dst are set; the server is filled in if dst is a pool's address. True:
 * the flow is counted, and joins *ret_lane, or lane_release takes it back. False: the record's end
 * and reason are set.
 */
bool admit_flow(struct engine_context *ctx, struct flow_record *record, struct lane **ret_lane);

/* The same without the limits, for a flow that was admitted and has a further destination. */
bool admit_destination(struct engine_context *ctx, struct flow_record *record);

#endif
