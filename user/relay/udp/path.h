/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Remembers paths to clients that are too narrow for the answers of a server, for longer than a
 * flow: with DNS, where each question is a flow, each one would lose its answer otherwise. Must not
 * know sessions.
 *
 * The relay cannot know whether an IPv4 answer to our own address may be fragmented, since there is
 * no tc program on that interface. So it drops the first answer that is too big, and reports the
 * MTU to its sender as a router does. From then on a filter on the socket drops answers that are
 * too big and forbid fragments. An answer that is too big and passes the filter may be fragmented.
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

/* The MTU, or 0: everything fitted so far. */
uint32_t path_find(const struct path_table *p, const union saddr *client, const union saddr *server,
		   uint64_t now);

/* Makes the socket drop IPv4 packets with DF that are larger than mtu. 0 or -errno. */
int path_filter(int fd, uint32_t mtu);

/* How many datagrams the socket has dropped, for any reason. */
uint32_t path_drops(int fd);

/* MTU of the path to an IPv6 peer, by device (0: any); 0: not known. */
uint32_t path_mtu(const union saddr *peer, int device);

/* Bytes of IP and UDP headers. */
static inline uint32_t path_headers(sa_family_t family)
{
	return family == AF_INET ? 20 + 8 : 40 + 8;
}

#endif
