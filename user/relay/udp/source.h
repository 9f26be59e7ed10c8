/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many flows each source has, so that one host cannot take them all. A source is
 * an IPv4 address or an IPv6 /64, the least a host can be given (RFC 4291 2.5.4).
 * Must not end flows: it only says whose turn it is.
 */
#ifndef TPROXY_RELAY_UDP_SOURCE_H
#define TPROXY_RELAY_UDP_SOURCE_H

#include <sys/queue.h>

#include "relay/net/addr.h"

struct udp_source;
struct udp_sources;

/* Part of every flow. */
struct udp_source_link {
	TAILQ_ENTRY(udp_source_link) link;
	struct udp_source *source;
};

/* max: flows of one source; seed: secret. NULL: no memory. */
struct udp_sources *udp_sources_new(unsigned int max, uint32_t seed);

/* All flows have left. s may be NULL. */
void udp_sources_free(struct udp_sources *s);

/* Counts one flow more. 0 or -ENOMEM. */
int udp_source_join(struct udp_sources *s, const union saddr *client, struct udp_source_link *link);
void udp_source_leave(struct udp_source_link *link);

/* The oldest flow of a source that has as many as it may, NULL: it may have one more. */
struct udp_source_link *udp_source_full(struct udp_sources *s, const union saddr *client);

/* The next younger flow of the same source, or NULL. */
struct udp_source_link *udp_source_next(struct udp_source_link *link);

#endif
