/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds descriptors for a new connection: asks the budget, and resets a connection of the client
 * that has the most if there are none left. Must not open anything.
 */
#ifndef TPROXY_RELAY_TCP_ROOM_H
#define TPROXY_RELAY_TCP_ROOM_H

#include "relay/tcp/conn.h"

/* Takes the descriptors of a connection for a client; budget_return gives them back. */
bool room_take(struct conns *all, const struct lane *lane);

/*
 * Resets one connection so that this client finds descriptors. False: he has the most and all of
 * his were busy in the last seconds, or nobody has more than one and all were.
 */
bool room_make(struct conns *all, const struct lane *lane);

/* Logs, once a minute, that descriptors or memory are short. err: positive errno. */
void room_warn(struct conns *all, const char *what, int err);

#endif
