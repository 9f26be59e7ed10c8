/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of one TCP connection through the relay: connecting, open, half
 * closed, over. Owns both sockets and decides how they end: every FIN and RST of
 * one side becomes that of the other. Must not touch payload: pump does.
 */
#ifndef TPROXY_RELAY_TCP_CONN_H
#define TPROXY_RELAY_TCP_CONN_H

#include "relay/log/record.h"
#include "relay/loop/worker.h"

/* Takes over an accepted socket and connects onward. Reports failures itself. */
void conn_open(struct worker *w, int fd, const union saddr *client);

/* Resets an accepted socket that there is no room for; err: positive errno. */
void conn_shed(struct worker *w, int fd, const union saddr *client, int err);

/*
 * Resets the worker's longest idle connection, so that another one finds
 * descriptors. False: all were busy in the last seconds.
 */
bool conn_evict(struct worker *w);

/* Resets all connections of a worker. */
void conn_end_all(struct worker *w, enum flow_end end);

#endif
