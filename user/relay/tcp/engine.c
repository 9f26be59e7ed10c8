/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/tcp/engine.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

#include "lib/util.h"
#include "relay/config/options.h"
#include "relay/log/record.h"
#include "relay/process/listener.h"
#include "relay/tcp/conn_open.h"

#define ACCEPTS_PER_TURN 64
#define PAUSE_MIN_MS 100
#define PAUSE_SPREAD_MS 900 /* so that the threads do not come back together */
#define WARN_EVERY_MS 60000

struct acceptor {
	struct io io; /* a listener, borrowed */
	struct tcp_engine *e;
};

struct tcp_engine {
	struct worker *w; /* that of conns.ctx */
	struct conns conns;
	int spare; /* closed to accept and reset one connection when there is no other descriptor */
	bool paused;
	unsigned int seed;
	struct timer pause;
	unsigned int acceptor_count;
	struct acceptor acceptors[LISTENER_ROWS * 2];
};

enum accepted { ACCEPTED, ACCEPT_FAILED, ACCEPT_EMPTY, ACCEPT_STOP };

static bool accept_continues(enum accepted r)
{
	return r == ACCEPTED || r == ACCEPT_FAILED;
}

static int accept_rewatch(struct tcp_engine *e, uint32_t events)
{
	int err = 0;

	for (unsigned int i = 0; i < e->acceptor_count && !err; i++)
		if (e->acceptors[i].io.fd >= 0)
			err = worker_rewatch(e->w, &e->acceptors[i].io, events);
	return err;
}

static void accept_pause(struct tcp_engine *e, int err)
{
	conn_warn_short(&e->conns, "pausing", err);
	e->paused = true;
	accept_rewatch(e, 0);
	timer_set(&e->w->wheel, &e->pause,
		  e->w->now + PAUSE_MIN_MS + (unsigned int)rand_r(&e->seed) % PAUSE_SPREAD_MS);
}

static void accept_resume(struct timer *timer)
{
	struct tcp_engine *e = container_of(timer, struct tcp_engine, pause);
	int err;

	e->paused = false;
	if (e->spare < 0)
		e->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	err = accept_rewatch(e, EPOLLIN);
	if (err)
		accept_pause(e, err);
}

/*
 * Out of descriptors, which the budget should have prevented: who asks is known when the spare one
 * is given up. Then another connection makes room, or the client gets a RST at once instead of a
 * time-out.
 */
static enum accepted accept_shed(struct tcp_engine *e, int listener, int err)
{
	union saddr client;
	socklen_t len = sizeof(client);
	int fd = -1;

	if (e->spare >= 0) {
		close(e->spare);
		fd = accept4(listener, &client.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0 && err == EMFILE)
			conn_open(&e->conns, fd, &client);
		else if (fd >= 0)
			conn_shed(&e->conns, fd, &client, err);
		e->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	if (fd >= 0 && e->spare >= 0)
		return ACCEPTED;
	accept_pause(e, err);
	return ACCEPT_STOP;
}

static enum accepted accept_failed(struct tcp_engine *e, int listener, int err)
{
	switch (err) {
	case EAGAIN:
		return ACCEPT_EMPTY;
	case EMFILE:
	case ENFILE:
		return accept_shed(e, listener, err);
	case ENOBUFS:
	case ENOMEM:
		accept_pause(e, err);
		return ACCEPT_STOP;
	case EBADF:
	case EINVAL:
	case ENOTSOCK:
		/* Cannot happen to an open listener. If it did, level triggering would spin. */
		accept_pause(e, err);
		return ACCEPT_STOP;
	default:
		/* The connection broke while it waited in the queue: accept(2) lists the errors. */
		return ACCEPT_FAILED;
	}
}

static enum accepted accept_one(struct tcp_engine *e, int listener)
{
	union saddr client;
	socklen_t len = sizeof(client);
	int fd = accept4(listener, &client.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return accept_failed(e, listener, errno);
	conn_open(&e->conns, fd, &client);
	return ACCEPTED;
}

static void accept_ready(struct io *io, uint32_t events)
{
	struct tcp_engine *e = container_of(io, struct acceptor, io)->e;
	enum accepted r = ACCEPTED;
	int failed = 0;

	(void)events;
	if (e->paused) {
		accept_rewatch(e, 0);
		return;
	}
	for (int i = 0; i < ACCEPTS_PER_TURN && accept_continues(r); i++) {
		r = accept_one(e, io->fd);
		failed = r == ACCEPT_FAILED ? failed + 1 : 0;
	}
	/* An error that stays, such as that of a security module, would make the loop spin. */
	if (failed == ACCEPTS_PER_TURN)
		accept_pause(e, ECONNABORTED);
}

static int watch_listeners(struct tcp_engine *e, const struct worker_listeners *listeners)
{
	int err = 0;

	for (unsigned int row = 0; row < LISTENER_ROWS; row++) {
		for (int cls = TPROXY_TCP4; cls <= TPROXY_TCP6 && !err; cls++) {
			struct acceptor *one = &e->acceptors[e->acceptor_count];

			if (listeners->fds[row][cls] < 0)
				continue;
			one->io = (struct io){ .fd = listeners->fds[row][cls],
					       .ready = accept_ready };
			one->e = e;
			e->acceptor_count++;
			err = worker_watch(e->w, &one->io, EPOLLIN);
		}
	}
	return err;
}

int tcp_open(struct engine_context *ctx, struct tcp_engine **ret_engine)
{
	struct tcp_engine *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	*ret_engine = e;
	e->w = &ctx->worker;
	e->conns.ctx = ctx;
	TAILQ_INIT(&e->conns.list);
	e->conns.descriptors = budget_share(ctx->relay->budget, BUDGET_TCP);
	pipes_init(&e->conns.tools.pipes, ctx->relay->budget->caps.pipes);
	e->seed = (unsigned int)(e->w->next_id + e->w->now); /* ids differ between threads */
	e->pause.fire = accept_resume;
	e->conns.warnings = (struct record_limit){ .what = "warnings about accepting",
						   .max = 1,
						   .window_ms = WARN_EVERY_MS };
	e->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (e->spare < 0)
		return -errno;
	e->conns.tools.buf = malloc(PUMP_BUFFER_SIZE);
	return e->conns.tools.buf ? watch_listeners(e, ctx->listeners) : -ENOMEM;
}

bool tcp_busy(const struct tcp_engine *e)
{
	return !TAILQ_EMPTY(&e->conns.list);
}

void tcp_drain(struct tcp_engine *e)
{
	for (unsigned int i = 0; i < e->acceptor_count; i++) {
		enum accepted r = ACCEPTED;

		/* Closing a listener resets what waits in its queue. */
		for (int failed = 0;
		     !e->paused && accept_continues(r) && failed < ACCEPTS_PER_TURN;) {
			r = accept_one(e, e->acceptors[i].io.fd);
			failed += r == ACCEPT_FAILED;
		}
		e->acceptors[i].io.fd = -1;
	}
	timer_cancel(&e->w->wheel, &e->pause);
}

void tcp_end_all(struct tcp_engine *e, enum flow_end end)
{
	conn_end_all(&e->conns, end);
}

void tcp_close(struct tcp_engine *e)
{
	if (!e)
		return;
	tcp_end_all(e, END_DRAIN);
	timer_cancel(&e->w->wheel, &e->pause);
	pipes_close(&e->conns.tools.pipes);
	free(e->conns.tools.buf);
	cleanup_fd(&e->spare);
	free(e);
}
