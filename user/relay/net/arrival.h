/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the packets of a client's TCP handshake say beside addresses and ports: TTL (hop
 * limit) and DSCP. Owns nothing; what becomes of them is the caller's business.
 */
#ifndef TPROXY_RELAY_NET_ARRIVAL_H
#define TPROXY_RELAY_NET_ARRIVAL_H

#include <stdint.h>
#include <sys/socket.h>

struct arrival {
	uint8_t ttl;  /* 0: not known */
	uint8_t dscp; /* in its place in the TOS or traffic class; the bits of ECN are 0 */
};

/* Of a listener: its accepted sockets will know. 0 or -errno. */
int arrival_watch(int fd, sa_family_t family);

/* Of an accepted socket. */
struct arrival arrival_read(int fd, sa_family_t family);

/* Of an accepted socket, once it was read: the kernel need not look at further packets. */
void arrival_unwatch(int fd, sa_family_t family);

#endif
