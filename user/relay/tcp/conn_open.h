/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From an accepted socket to a connection that relays: admits the flow, finds descriptors for it,
 * if necessary those of a client that has more, connects onward and does the handshake with a
 * proxy. Reports failures itself. Must not relay: conn.h does afterwards.
 */
#ifndef TPROXY_RELAY_TCP_CONN_OPEN_H
#define TPROXY_RELAY_TCP_CONN_OPEN_H

#include "relay/tcp/conn.h"

/* Takes over an accepted socket. */
void conn_open(struct conns *all, int fd, const union saddr *client);

/* Resets an accepted socket that there is no room for; err: positive errno. */
void conn_shed(struct conns *all, int fd, const union saddr *client, int err);

/* Logs, once a minute, that descriptors or memory are short. err: positive errno. */
void conn_warn_short(struct conns *all, const char *what, int err);

#endif
