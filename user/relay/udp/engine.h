/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP through the relay: one session for each pair of client and original
 * destination. Owns sessions, their time-outs and their number. Must not change, split,
 * join or reorder datagrams. udpflow.h shows the parts.
 */
#ifndef TPROXY_RELAY_UDP_ENGINE_H
#define TPROXY_RELAY_UDP_ENGINE_H

#include "relay/log/record.h"
#include "relay/loop/engine_context.h"

struct udp_engine;

/* Watches the thread's UDP listeners. 0 or -errno; close with udp_close. */
int udp_open(struct engine_context *ctx, struct udp_engine **ret_engine);

/* What is still to be waited for in a drain. */
unsigned int udp_sessions(const struct udp_engine *e);

/*
 * Takes what has arrived and stops; the listeners may be closed or given away
 * afterwards. Flows that are busy keep to this process, by sockets of their own, until
 * they pause; the others end once no answer has come for a moment.
 */
void udp_drain(struct udp_engine *e);

/*
 * Whether flows shall stay here although the rules that brought them are about to go: each
 * one gets a socket of its own then, and keeps it. Says how many have found no room.
 */
void udp_keep(struct udp_engine *e, bool keep);

void udp_end_all(struct udp_engine *e, enum flow_end end);

/* e may be NULL. */
void udp_close(struct udp_engine *e);

#endif
