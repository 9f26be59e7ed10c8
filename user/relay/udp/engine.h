/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Relays UDP: one session for each pair of client and original destination. Owns sessions, their
 * time-outs and their number. Must not change, split, join or reorder datagrams. session.h shows
 * the parts.
 */
#ifndef TPROXY_RELAY_UDP_ENGINE_H
#define TPROXY_RELAY_UDP_ENGINE_H

#include "relay/log/flowrecord.h"
#include "relay/loop/engine_context.h"
#include "tproxy.h"

struct udp_engine;

/* Watches the thread's UDP listeners. 0 or -errno; close with udp_close. */
int udp_open(struct engine_context *ctx, struct udp_engine **ret_engine);

/* Watches one more of the thread's listeners, after an earlier one was lost. 0 or -errno. */
int udp_listen(struct udp_engine *e, unsigned int row, enum tproxy_class cls);

/* Sockets that still carry flows: a drain ends when there are none. */
unsigned int udp_sessions(const struct udp_engine *e);

/*
 * hold: leaves what arrives to the relay that takes over, until it does or is gone. Busy flows get
 * sockets of their own before.
 */
void udp_hold(struct udp_engine *e, bool hold);

/*
 * Reads what has arrived, unless that is held, and stops reading; the listeners may be closed or handed over afterwards.
 * Busy flows stay in this process, on sockets of their own, until they pause; the others end when
 * no answer comes for two seconds.
 */
void udp_drain(struct udp_engine *e);

/*
 * keep: the rules that steer flows here are about to be removed. Each flow gets a socket of its
 * own then, and keeps it. Logs how many had no room.
 */
void udp_keep(struct udp_engine *e, bool keep);

void udp_end_all(struct udp_engine *e, enum flow_end end);

/* e may be NULL. */
void udp_close(struct udp_engine *e);

#endif
