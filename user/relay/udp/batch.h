/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receives several datagrams with one call, with their source, destination and IP fields. Owns the
 * buffers. Must not know sessions.
 */
#ifndef TPROXY_RELAY_UDP_BATCH_H
#define TPROXY_RELAY_UDP_BATCH_H

#include <stddef.h>

#include "relay/net/ipfields.h"

struct batch;

/* One datagram, or consecutive ones of one flow and size, which UDP_GRO delivers as one. */
struct run {
	const uint8_t *data;
	size_t len;
	uint16_t segment;        /* bytes of each but the last; 0: it is one datagram */
	struct ip_fields fields; /* the same in all of them, as they arrived */
};

/* marks must outlive the batch. NULL: no memory. */
struct batch *batch_new(const kept_marks *marks);
void batch_free(struct batch *b);

/* Lets the kernel deliver runs. Best effort: without it datagrams come one by one. */
void batch_accept_runs(int fd);

/* Replaces the batch. Number of runs, 0: the socket is empty, or -errno. */
int batch_receive(struct batch *b, int fd);

/* There may be more: the socket had as many as were asked for. */
bool batch_was_full(const struct batch *b);

const union saddr *batch_from(const struct batch *b, int i);
struct run batch_run(struct batch *b, int i);

/* Original destination of a listener's run i. False: the kernel did not say. */
bool batch_dst(struct batch *b, int i, union saddr *ret_dst);

#endif
