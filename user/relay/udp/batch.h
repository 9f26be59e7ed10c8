/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receives several datagrams with one call, whole, with where they came from and
 * where they were going. Owns the buffers; must not know what datagrams mean.
 */
#ifndef TPROXY_RELAY_UDP_BATCH_H
#define TPROXY_RELAY_UDP_BATCH_H

#include <stddef.h>

#include "relay/net/ipfields.h"

struct batch;

/* Datagrams that lie one behind the other: UDP_GRO hands over many of one size as one. */
struct run {
	const uint8_t *data;
	size_t len;
	uint16_t segment;        /* bytes of each but the last; 0: this is one datagram */
	struct ip_fields fields; /* as they arrived, all of them alike */
};

/* marks: outlive the batch. NULL: no memory. */
struct batch *batch_new(const kept_marks *marks);
void batch_free(struct batch *b);

/* Lets the kernel hand over runs. Best effort: without it datagrams come one by one. */
void batch_accept_runs(int fd);

/* Number of runs, 0: nothing there, or -errno. What was in the batch before is gone. */
int batch_receive(struct batch *b, int fd);

/* As many as were asked for: there may be more. */
bool batch_was_full(const struct batch *b);

const union saddr *batch_from(const struct batch *b, int i);
struct run batch_run(struct batch *b, int i);

/* Original destination, from a listener's datagram. False if the kernel gave none. */
bool batch_dst(struct batch *b, int i, union saddr *ret_dst);

/* Datagrams in it, empty ones too. */
static inline unsigned int run_count(const struct run *run)
{
	if (!run->segment || run->len <= run->segment)
		return 1;
	return (unsigned int)((run->len + run->segment - 1) / run->segment);
}

#endif
