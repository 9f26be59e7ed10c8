/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP sockets that are bound to a foreign address and receive from one peer only. A socket that is
 * bound but not connected receives what anybody sends to its address, also datagrams of flows that
 * do not concern us. These sockets are never in that state, neither at the start nor at the end.
 * Must not know sessions.
 */
#ifndef TPROXY_RELAY_NET_EXCLUSIVE_H
#define TPROXY_RELAY_NET_EXCLUSIVE_H

#include "relay/net/addr.h"

/*
 * Binds a new transparent socket to local and connects it to peer. device: ifindex to bind it to
 * afterwards, or 0. 0 or -errno.
 */
int exclusive_connect(int fd, const union saddr *local, const union saddr *peer, int device);

/* Stops receiving; datagrams that arrived before can still be read. 0 or -errno. */
int exclusive_leave(int fd);

#endif
