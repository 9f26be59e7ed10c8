/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moves the bytes of one direction of a connection, and its FIN after the last byte. Owns the
 * bytes that were read and that the receiver has not taken yet. While there are any it reads
 * nothing more: this is the back-pressure and bounds memory. Must not close or reset sockets:
 * the connection does.
 *
 * There are two ways: small flows are copied through a buffer of the thread, bulk is spliced
 * through a borrowed pipe. A direction changes its way only between two reads, when it holds
 * nothing.
 *
 * An urgent byte is passed on as urgent, at its place. The source has SO_OOBINLINE, so both ways
 * stop before it. The kernel remembers the latest one only, as it does for any receiver.
 */
#ifndef TPROXY_RELAY_TCP_PUMP_H
#define TPROXY_RELAY_TCP_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/tcp/pipes.h"

#define PUMP_BUFFER_SIZE (64 * 1024)
#define PUMP_CONFINED_READ (16 * 1024) /* at a time while the pump is not roomy */

enum pump_result {
	PUMP_WAIT_READ,    /* the source has nothing more for now */
	PUMP_WAIT_WRITE,   /* the receiver is full */
	PUMP_YIELD,        /* its share of a turn is used up; more can be done at once */
	PUMP_DONE,         /* FIN was passed on; nothing follows */
	PUMP_READ_FAILED,  /* the source broke, pump.err says how */
	PUMP_WRITE_FAILED, /* the receiver broke, pump.err says how */
};

/* What all directions in a thread share. */
struct pump_tools {
	uint8_t *buf; /* PUMP_BUFFER_SIZE bytes of scratch */
	struct pipe_pool pipes;
	uint64_t now; /* ms, monotonic; set by the owner before each run */
};

struct pump {
	uint8_t *residue; /* allocated only while copied bytes wait for the receiver */
	uint32_t residue_off;
	uint32_t residue_len; /* bytes still to send, from residue_off */
	struct pipe *pipe;    /* borrowed only while spliced bytes wait for the receiver */
	int err;              /* positive errno of a failure */
	uint32_t limit; /* set by the owner: bytes that the next run may read; 0: any number */
	uint32_t left;  /* of these */
	bool fin;       /* set by the owner: the source's FIN is there, after all its bytes */
	bool careful;   /* set by the owner: an error may follow a short read */
	bool marked;    /* set by the owner: an urgent byte is ahead */
	bool fresh;  /* set by the owner: an event, and no read since, says that bytes are here */
	bool roomy;  /* set by the owner: it may hold more than a small residue */
	bool urgent; /* the residue is one urgent byte */
	bool last;   /* set by the owner: it closes the receiver next, which is the FIN */
	bool held;   /* set by the owner: read nothing now, only send what is pending */
	bool broken; /* no FIN will follow, the source was reset */
	bool eof;    /* the source sent its FIN */
	bool done;   /* and it was passed on */
	bool bulk;   /* splice, if there is a pipe */
	uint8_t streak;      /* reads in a row that speak for the other way */
	uint32_t span_bytes; /* read since span_begin */
	uint64_t span_begin; /* ms */
	uint64_t bytes;      /* taken by the receiver's kernel */
};

/* Bytes or a FIN wait for the receiver: reading would not help. */
static inline bool pump_pending(const struct pump *p)
{
	return p->residue || p->pipe || p->eof;
}

/* Bytes that were read and wait for the receiver. */
static inline uint32_t pump_held(const struct pump *p)
{
	return p->residue_len + (p->pipe ? p->pipe->held : 0);
}

/*
 * Reads from `from` and writes to `to`, both non-blocking and in an edge
 * triggered epoll, until one of them would block or a turn's share is moved.
 */
enum pump_result pump_run(struct pump *p, struct pump_tools *tools, int from, int to);

/*
 * For a source that is known to be broken: passes on what it sent before, as far as the receiver
 * takes it, but no FIN. A write of the other direction may have met its reset already; then a
 * read reports what looks like a clean end.
 */
void pump_rest(struct pump *p, struct pump_tools *tools, int from, int to);

/* No longer roomy: gives its pipe back to others, and keeps the bytes in memory. */
void pump_confine(struct pump *p, struct pump_tools *tools);

/* Frees what is pending. */
void pump_free(struct pump *p, struct pump_tools *tools);

#endif
