/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/tcp/pipes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/util.h"

void pipes_init(struct pipe_pool *pool, unsigned int max)
{
	*pool = (struct pipe_pool){ .max = max };
	SLIST_INIT(&pool->idle);
}

static void pipe_close(struct pipe_pool *pool, struct pipe *pipe)
{
	close(pipe->in);
	close(pipe->out);
	free(pipe);
	pool->open--;
}

/*
 * Above fs.pipe-user-pages-soft (64 MiB) the kernel refuses larger pipes to a user without
 * CAP_SYS_RESOURCE, and new pipes have two pages, without an error. Such a pipe is slower than
 * the copy that it would replace.
 */
static bool pipe_grow(struct pipe *pipe)
{
	int size = PIPE_SIZE;

	while (size > PIPE_SIZE_USEFUL && fcntl(pipe->in, F_SETPIPE_SZ, size) < 0)
		size /= 2;
	size = fcntl(pipe->in, F_GETPIPE_SZ);
	pipe->size = size > 0 ? (uint32_t)size : 0;
	return pipe->size >= PIPE_SIZE_USEFUL;
}

static struct pipe *pipe_open(struct pipe_pool *pool)
{
	struct pipe *pipe = calloc(1, sizeof(*pipe));
	int fds[2];

	if (!pipe)
		return NULL;
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC)) {
		free(pipe);
		return NULL;
	}
	pipe->out = fds[0];
	pipe->in = fds[1];
	pool->open++;
	if (pipe_grow(pipe))
		return pipe;
	pipe_close(pool, pipe);
	return NULL;
}

struct pipe *pipes_take(struct pipe_pool *pool, uint64_t now)
{
	struct pipe *pipe = SLIST_FIRST(&pool->idle);

	if (pipe) {
		SLIST_REMOVE_HEAD(&pool->idle, link);
		return pipe;
	}
	if (pool->open >= pool->max || now < pool->retry)
		return NULL;
	pipe = pipe_open(pool);
	if (!pipe)
		pool->retry = now + PIPES_RETRY_MS;
	return pipe;
}

void pipes_put(struct pipe_pool *pool, struct pipe *pipe)
{
	if (pipe->held)
		pipe_close(pool, pipe);
	else
		SLIST_INSERT_HEAD(&pool->idle, pipe, link);
}

void pipes_close(struct pipe_pool *pool)
{
	struct pipe *pipe;

	while ((pipe = SLIST_FIRST(&pool->idle))) {
		SLIST_REMOVE_HEAD(&pool->idle, link);
		pipe_close(pool, pipe);
	}
}
