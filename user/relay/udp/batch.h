/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receives several datagrams with one call, whole, with where they came from and
 * where they were going. Owns the buffers; must not know what datagrams mean.
 */
#ifndef TPROXY_RELAY_UDP_BATCH_H
#define TPROXY_RELAY_UDP_BATCH_H

#include <stddef.h>

#include "relay/net/ipfields.h"

struct udp_batch;

/* Datagrams that lie one behind the other: UDP_GRO hands over many of one size as one. */
struct udp_run {
	const uint8_t *data;
	size_t len;
	uint16_t segment;        /* bytes of each but the last; 0: this is one datagram */
	struct ip_fields fields; /* as they arrived, all of them alike */
};

/* marks: outlive the batch. NULL: no memory. */
struct udp_batch *udp_batch_new(const kept_marks *marks);
void udp_batch_free(struct udp_batch *b);

/* Lets the kernel hand over runs. Best effort: without it datagrams come one by one. */
void udp_batch_accept_runs(int fd);

/* Number of runs, 0: nothing there, or -errno. What was in the batch before is gone. */
int udp_batch_receive(struct udp_batch *b, int fd);

/* As many as were asked for: there may be more. */
bool udp_batch_was_full(const struct udp_batch *b);

const union saddr *udp_batch_from(const struct udp_batch *b, int i);
struct udp_run udp_batch_run(struct udp_batch *b, int i);

/* Original destination, from a listener's datagram. False if the kernel gave none. */
bool udp_batch_dst(struct udp_batch *b, int i, union saddr *ret_dst);

/* Datagrams in it, empty ones too. */
static inline unsigned int udp_run_count(const struct udp_run *run)
{
	if (!run->segment || run->len <= run->segment)
		return 1;
	return (unsigned int)((run->len + run->segment - 1) / run->segment);
}

#endif
