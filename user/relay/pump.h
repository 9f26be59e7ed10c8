/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moves the bytes of one direction of a connection, and its FIN after the last
 * of them. Owns the bytes that were read and not yet taken by the receiver;
 * while there are any nothing more is read, which is the back-pressure and the
 * memory bound. Must not close or reset sockets: that is the connection's job.
 */
#ifndef TPROXY_RELAY_PUMP_H
#define TPROXY_RELAY_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PUMP_BUFFER_SIZE (64 * 1024)

enum pump_result {
	PUMP_WAIT_READ,	   /* the source has nothing more for now */
	PUMP_WAIT_WRITE,   /* the receiver is full */
	PUMP_YIELD,	   /* the budget is used up, more can be done at once */
	PUMP_DONE,	   /* FIN was passed on; nothing follows */
	PUMP_READ_FAILED,  /* the source broke, pump.err says how */
	PUMP_WRITE_FAILED, /* the receiver broke, pump.err says how */
};

struct pump {
	uint8_t *residue; /* allocated only while bytes wait for the receiver */
	uint32_t residue_off;
	uint32_t residue_len; /* bytes still to send, from residue_off */
	int err;	      /* positive errno of a failure */
	bool eof;	      /* the source sent its FIN */
	bool done;	      /* and it was passed on */
	uint64_t bytes;	      /* taken by the receiver's kernel */
};

/* Bytes or a FIN wait for the receiver: reading would not help. */
static inline bool pump_pending(const struct pump *p)
{
	return p->residue || p->eof;
}

/*
 * Reads from `from` and writes to `to`, both non-blocking, until one of them
 * would block or `budget` reads are done. buf: PUMP_BUFFER_SIZE bytes of scratch.
 */
enum pump_result pump_run(struct pump *p, int from, int to, uint8_t *buf, unsigned int budget);

/* Frees what is pending. */
void pump_free(struct pump *p);

#endif
