/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP sockets that are bound to an address which is not ours, and hear one peer only. A socket
 * that is bound and not connected takes what anybody sends to its address, also of flows that
 * are none of ours; so there is no such moment, neither at the begin nor at the end.
 */
#ifndef TPROXY_RELAY_NET_EXCLUSIVE_H
#define TPROXY_RELAY_NET_EXCLUSIVE_H

#include "relay/net/addr.h"

/*
 * Binds a new transparent socket to local and connects it to peer. device: ifindex to be bound
 * to then, or 0. 0 or -errno.
 */
int exclusive_connect(int fd, const union saddr *local, const union saddr *peer, int device);

/* Hears no more; what had found it before can still be read. 0 or -errno. */
int exclusive_leave(int fd);

#endif
