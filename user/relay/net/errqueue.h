/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the error queue of a UDP or raw socket with IP_RECVERR or IPV6_RECVERR: ICMP errors about
 * its datagrams, and this host's own about those that are too big. Must not know flows.
 */
#ifndef TPROXY_RELAY_NET_ERRQUEUE_H
#define TPROXY_RELAY_NET_ERRQUEUE_H

#include <time.h> /* linux/errqueue.h needs struct timespec */

#include <linux/errqueue.h>

#include "relay/net/addr.h"

#define ERRORS_AT_ONCE 32 /* a queue can be refilled as fast as it is read */

/* One entry. */
struct queued_error {
	struct sock_extended_err ee; /* ee_errno 0: not from the network */
	union saddr to;              /* where the datagram was going */
	union saddr reporter;        /* family 0: not known */
	uint8_t ttl;                 /* to send it with; 0: not known */
	uint32_t mtu;                /* of the path, if the datagram was too big to leave; else 0 */
};

/* False: the queue is empty. */
bool errqueue_take(int fd, struct queued_error *ret_q);

/* Empties the queue of a socket that only sends. The path's MTU if a datagram was too big, or 0. */
uint32_t errqueue_mtu(int fd);

#endif
