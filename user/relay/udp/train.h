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

struct udp_train {
	unsigned int count;  /* datagrams */
	unsigned int pieces; /* of iov in use */
	size_t bytes;
	size_t segment;          /* size of each datagram but the last, which may be shorter */
	struct ip_fields fields; /* of each */
	bool closed;             /* the last one is shorter, or empty */
	bool split;              /* single[] is filled, iov no longer counts */
	unsigned int done;       /* of single[] */
	unsigned int sent;       /* datagrams, since udp_train_reset */
	unsigned int lost;
	uint64_t sent_bytes;
	struct iovec iov[TRAIN_MAX];
	struct iovec single[TRAIN_MAX];
};

/*
 * Where a train goes. With `from` the TTL and TOS go along, else the socket has them. gso_limit
 * belongs to the path: segments of this size or more leave singly.
 */
struct udp_way {
	int fd;
	const union saddr *to;   /* NULL: the socket is connected */
	const union saddr *from; /* NULL: from where it is bound; the port is that in any case */
	uint32_t *gso_limit;
};

#define GSO_UNLIMITED 65536
#define GSO_NEVER 0

void udp_train_reset(struct udp_train *t);

/*
 * Takes from the front of the run what fits. True: all of it; false: send and reset first,
 * then offer the rest again. An empty train takes one datagram at least.
 */
bool udp_train_add(struct udp_train *t, struct udp_run *run);

/*
 * Sends what is left. What the kernel drops for want of room is counted as lost. An error of
 * the path or the socket stops it: -errno. Calling again goes on, udp_train_skip loses one
 * datagram first.
 */
int udp_train_send(struct udp_train *t, const struct udp_way *way);
void udp_train_skip(struct udp_train *t);

/* Loses the next datagram, and those after it that have more than max bytes. */
void udp_train_skip_above(struct udp_train *t, size_t max);

/* The next datagram, for who sends it by other means and then calls udp_train_pass. NULL: none. */
const struct iovec *udp_train_next(struct udp_train *t);
void udp_train_pass(struct udp_train *t);

#endif
