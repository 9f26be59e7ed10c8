/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts the flows of each source, the client's host, so that one host cannot take all places
 * (udp-per-source). A source is an IPv4 address or an IPv6 /64, the least that a host can be given
 * (RFC 4291 2.5.4). Must not end flows: it only names the next one.
 */
#ifndef TPROXY_RELAY_UDP_PER_SOURCE_H
#define TPROXY_RELAY_UDP_PER_SOURCE_H

#include <sys/queue.h>

#include "relay/net/addr.h"

struct source;
struct source_table;

/* Part of every flow. */
struct source_link {
	TAILQ_ENTRY(source_link) link;
	struct source *source;
};

/* max: flows of one source; seed: secret. NULL: no memory. */
struct source_table *source_table_new(unsigned int max, uint32_t seed);

/* After all flows have left. s may be NULL. */
void source_table_free(struct source_table *s);

/* Counts one more flow. 0 or -ENOMEM. */
int source_join(struct source_table *s, const union saddr *client, struct source_link *link);
void source_leave(struct source_link *link);

/* The oldest flow of the client's source if that has reached its maximum, or NULL. */
struct source_link *source_full(struct source_table *s, const union saddr *client);

/* The next younger flow of the same source, or NULL. */
struct source_link *source_next(struct source_link *link);

#endif
