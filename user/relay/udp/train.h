/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams of one flow that leave together: through the stack once, as one UDP_SEGMENT
 * send, where sizes and path allow, else by sendmmsg. Every datagram leaves as it
 * came: none is split, joined or passed by another. Borrows the bytes; owns no socket.
 */
#ifndef TPROXY_RELAY_UDP_TRAIN_H
#define TPROXY_RELAY_UDP_TRAIN_H

#include <sys/uio.h>

#include "relay/udp/batch.h"

#define TRAIN_MAX 64      /* UDP_MAX_SEGMENTS before Linux 6.9 */
#define TRAIN_BYTES 65000 /* below what IPv4 and IPv6 take with their headers */

struct train {
	unsigned int count;  /* datagrams */
	unsigned int pieces; /* of iov in use */
	size_t bytes;
	size_t segment;          /* size of each datagram but the last, which may be shorter */
	struct ip_fields fields; /* of each */
	bool closed;             /* the last one is shorter, or empty */
	bool split;              /* single[] is filled, iov no longer counts */
	unsigned int done;       /* of single[] */
	unsigned int sent;       /* datagrams, since train_reset */
	unsigned int lost;
	uint64_t sent_bytes;
	struct iovec iov[TRAIN_MAX];
	struct iovec single[TRAIN_MAX];
};

/*
 * Where a train goes. With `from` the TTL and TOS go along, else the socket has them. gso_limit
 * belongs to the path: segments of this size or more leave singly.
 */
struct train_way {
	int fd;
	const union saddr *to;   /* NULL: the socket is connected */
	const union saddr *from; /* NULL: from where it is bound; the port is that in any case */
	uint32_t *gso_limit;
};

#define GSO_UNLIMITED 65536
#define GSO_NEVER 0

void train_reset(struct train *t);

/*
 * Takes from the front of the run what fits. True: all of it; false: send and reset first,
 * then offer the rest again. An empty train takes one datagram at least.
 */
bool train_add(struct train *t, struct run *run);

/*
 * Sends what is left. What the kernel drops for want of room is counted as lost. An error of
 * the path or the socket stops it: -errno. Calling again goes on, train_skip loses one
 * datagram first.
 */
int train_send(struct train *t, const struct train_way *way);
void train_skip(struct train *t);

/* Loses the next datagram, and those after it that have more than max bytes. */
void train_skip_above(struct train *t, size_t max);

/* The next datagram, for who sends it by other means and then calls train_pass. NULL: none. */
const struct iovec *train_next(struct train *t);
void train_pass(struct train *t);

#endif
