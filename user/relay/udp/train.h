/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams of one flow that leave together: in one UDP_SEGMENT send, which passes the stack once,
 * where sizes and path allow, else by sendmmsg. Borrows the bytes; owns no socket. Must not split,
 * join or reorder datagrams.
 */
#ifndef TPROXY_RELAY_UDP_TRAIN_H
#define TPROXY_RELAY_UDP_TRAIN_H

#include <sys/uio.h>

#include "relay/udp/batch.h"

#define TRAIN_MAX 64      /* UDP_MAX_SEGMENTS before Linux 6.9 */
#define TRAIN_BYTES 65000 /* with headers it still fits into an IPv4 and an IPv6 packet */

struct train {
	unsigned int count;  /* datagrams */
	unsigned int pieces; /* of iov in use */
	size_t bytes;
	size_t segment;          /* size of each datagram but the last, which may be shorter */
	struct ip_fields fields; /* of each */
	bool closed;             /* the last one is shorter, or empty */
	bool split;              /* single[] is filled, iov no longer counts */
	unsigned int done;       /* of single[] */
	unsigned int sent;       /* datagrams since train_reset */
	unsigned int lost;
	uint64_t sent_bytes;
	struct iovec iov[TRAIN_MAX];
	struct iovec single[TRAIN_MAX];
};

/*
 * Where a train goes. With `from`, each send names TTL and TOS; else the socket is set to them.
 * *gso_limit belongs to the path: segments of this size or more leave one by one.
 */
struct train_way {
	int fd;
	const union saddr *to;   /* NULL: the socket is connected */
	const union saddr *from; /* NULL: that of the socket, whose port is used in any case */
	uint32_t *gso_limit;
};

#define GSO_UNLIMITED 65536
#define GSO_NEVER 0

void train_reset(struct train *t);

/*
 * Moves what fits from the front of the run to the train. True: all of it; false: send and reset
 * the train, then add the rest. An empty train takes at least one datagram.
 */
bool train_add(struct train *t, struct run *run);

/*
 * Sends what is left, and counts as lost what the kernel has no room for. An error of the path or
 * the socket stops it: -errno. Another call continues; train_skip gives up the next datagram.
 */
int train_send(struct train *t, const struct train_way *way);
void train_skip(struct train *t);

/* Gives up the next datagram, and those after it as long as they have more than max bytes. */
void train_skip_above(struct train *t, size_t max);

/* The next datagram, NULL: none; and counts it as sent, for a caller that sends by other means. */
const struct iovec *train_next(struct train *t);
void train_pass(struct train *t);

#endif
