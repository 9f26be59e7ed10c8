/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads TTL (hop limit) and DSCP from a client's TCP handshake. Owns nothing; must not decide what
 * they are used for.
 */
#ifndef TPROXY_RELAY_NET_ARRIVAL_H
#define TPROXY_RELAY_NET_ARRIVAL_H

#include <stdint.h>
#include <sys/socket.h>

struct arrival {
	uint8_t ttl;  /* 0: not known */
	uint8_t dscp; /* as TOS or traffic class, with the bits of ECN 0 */
};

/* Makes the sockets that a listener accepts keep both. 0 or -errno. */
int arrival_watch(int fd, sa_family_t family);

/* From an accepted socket. */
struct arrival arrival_read(int fd, sa_family_t family);

/* After arrival_read: spares the kernel the same work for further packets. */
void arrival_unwatch(int fd, sa_family_t family);

#endif
