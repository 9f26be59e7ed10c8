/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread's pipes, which splice needs between two sockets. A pump borrows one for a run and
 * keeps it only while bytes are in it, so one pipe serves any number of flows whose receivers
 * keep up. Owns the pipes; must not know sockets.
 */
#ifndef TPROXY_RELAY_TCP_PIPES_H
#define TPROXY_RELAY_TCP_PIPES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * Bytes that we ask for: what fs.pipe-max-size allows everybody. With a quarter of this size, bulk
 * flows took 1.5 times the CPU time.
 */
#define PIPE_SIZE (1024 * 1024)
#define PIPE_SIZE_USEFUL (64 * 1024) /* the scratch buffer moves as much without a pipe */
#define PIPES_RETRY_MS 1000          /* after the kernel refused one */

struct pipe {
	SLIST_ENTRY(pipe) link; /* while it is idle */
	int in;
	int out;
	uint32_t size; /* bytes, if the pages are full */
	uint32_t held; /* bytes in it */
};

struct pipe_pool {
	SLIST_HEAD(pipe_list, pipe) idle; /* the latest one first: its memory is in the cache */
	unsigned int max;
	unsigned int open; /* both idle and borrowed */
	uint64_t retry;    /* ms; before that the kernel is not asked again */
};

/* max: as many as the budget has set aside. */
void pipes_init(struct pipe_pool *pool, unsigned int max);

/* An empty pipe, or NULL: none is available now. now: ms, monotonic. */
struct pipe *pipes_take(struct pipe_pool *pool, uint64_t now);

/* Takes it back. With bytes in it, it is closed: no other flow may get them. */
void pipes_put(struct pipe_pool *pool, struct pipe *pipe);

/* All must have been put back. */
void pipes_close(struct pipe_pool *pool);

#endif
