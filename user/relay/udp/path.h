/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ways to clients that are too narrow for what a server answers. Remembered beyond the flow:
 * where each question is a flow of its own, as with DNS, each would lose its answer otherwise.
 *
 * Whether an IPv4 answer to our own address may be fragmented, the relay cannot know: no tc
 * program is on that interface. So the first one that is too big is dropped, and its sender
 * learns the MTU as from a router. From then on a filter on the socket drops those that forbid
 * fragments and are too big; what is too big and arrives all the same may be fragmented.
 */
#ifndef TPROXY_RELAY_UDP_PATH_H
#define TPROXY_RELAY_UDP_PATH_H

#include "relay/net/addr.h"

struct path_table;

/* seed: secret. NULL: no memory. */
struct path_table *path_table_new(uint32_t seed);
void path_table_free(struct path_table *p);

/* now: ms. */
void path_note(struct path_table *p, const union saddr *client, const union saddr *server,
	       uint32_t mtu, uint64_t now);

/* The MTU, or 0: wide enough so far. */
uint32_t path_find(const struct path_table *p, const union saddr *client, const union saddr *server,
		   uint64_t now);

/* Drops what came by IPv4 with DF and is larger than mtu. 0 or -errno. */
int path_filter(int fd, uint32_t mtu);

/* How many datagrams the socket has dropped, for whatever reason. */
uint32_t path_drops(int fd);

/* MTU of the way to an IPv6 peer, by device (0: any); 0: not known. */
uint32_t path_mtu(const union saddr *peer, int device);

/* Bytes of IP and UDP headers. */
static inline uint32_t path_headers(sa_family_t family)
{
	return family == AF_INET ? 20 + 8 : 40 + 8;
}

#endif
