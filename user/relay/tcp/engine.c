/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/tcp/engine.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

#include "lib/util.h"
#include "relay/config/options.h"
#include "relay/log/pathlog.h"
#include "relay/log/record.h"
#include "relay/net/sockopt.h"
#include "relay/process/exchange.h"
#include "relay/tcp/conn_open.h"

#define ACCEPTS_PER_TURN 64
#define PAUSE_MIN_MS 100
#define PAUSE_SPREAD_MS 900 /* so that the threads do not come back together */
#define WARN_EVERY_MS 60000

struct acceptor {
	struct io io; /* a listener, borrowed; fd -1: there is none */
	struct tcp_engine *e;
	unsigned int row;
	enum tproxy_class cls;
};

struct tcp_engine {
	struct worker *w; /* that of conns.ctx */
	struct conns conns;
	int spare; /* closed to accept and reset one connection when there is no other descriptor */
	bool paused;
	bool held; /* see tcp_hold */
	unsigned int seed;
	struct timer pause;
	struct timer lost; /* reports the connections that lost their source address */
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

	for (unsigned int i = 0; i < ARRAY_SIZE(e->acceptors) && !err; i++)
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
	err = e->held ? 0 : accept_rewatch(e, EPOLLIN);
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

/* It would be readable for ever. */
static void acceptor_lose(struct acceptor *a, int err)
{
	struct engine_context *ctx = a->e->conns.ctx;

	worker_unwatch(a->e->w, a->io.fd);
	a->io.fd = -1;
	exchange_report_dead(ctx->exchange, ctx->listeners, a->row, a->cls, err);
}

/* Whether it was lost. Other errors are taken from the socket, so that they are reported once. */
static bool acceptor_check(struct acceptor *a)
{
	int err = sockopt_error(a->io.fd);

	if (!listener_is_dead(a->io.fd, a->cls))
		return false;
	acceptor_lose(a, err ?: ECONNABORTED);
	return true;
}

static enum accepted accept_failed(struct acceptor *a, int err)
{
	struct tcp_engine *e = a->e;

	switch (err) {
	case EAGAIN:
		return ACCEPT_EMPTY;
	case EMFILE:
	case ENFILE:
		return accept_shed(e, a->io.fd, err);
	case ENOBUFS:
	case ENOMEM:
		accept_pause(e, err);
		return ACCEPT_STOP;
	case EBADF:
	case EINVAL:
	case ENOTSOCK:
		/* SOCK_DESTROY or shutdown(2) has closed it (inet_csk_accept). */
		acceptor_lose(a, err == EINVAL ? ECONNABORTED : err);
		return ACCEPT_STOP;
	default:
		/* The connection broke while it waited in the queue: accept(2) lists the errors. */
		return ACCEPT_FAILED;
	}
}

static enum accepted accept_one(struct acceptor *a)
{
	struct tcp_engine *e = a->e;
	union saddr client;
	socklen_t len = sizeof(client);
	int fd = accept4(a->io.fd, &client.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return accept_failed(a, errno);
	conn_open(&e->conns, fd, &client);
	return ACCEPTED;
}

static void accept_ready(struct io *io, uint32_t events)
{
	struct acceptor *a = container_of(io, struct acceptor, io);
	struct tcp_engine *e = a->e;
	enum accepted r = ACCEPTED;
	int failed = 0;

	if (events & (EPOLLERR | EPOLLHUP) && acceptor_check(a))
		return;
	if (e->paused || e->held) {
		accept_rewatch(e, 0);
		return;
	}
	for (int i = 0; i < ACCEPTS_PER_TURN && accept_continues(r); i++) {
		r = accept_one(a);
		failed = r == ACCEPT_FAILED ? failed + 1 : 0;
	}
	/* An error that stays, such as that of a security module, would make the loop spin. */
	if (failed == ACCEPTS_PER_TURN)
		accept_pause(e, ECONNABORTED);
}

int tcp_listen(struct tcp_engine *e, unsigned int row, enum tproxy_class cls)
{
	struct acceptor *a = &e->acceptors[row * 2 + cls];
	int err;

	a->io.fd = e->conns.ctx->listeners->fds[row][cls];
	err = a->io.fd < 0 ? 0 : worker_watch(e->w, &a->io, e->paused ? 0 : EPOLLIN);
	if (err)
		a->io.fd = -1;
	return err;
}

static int watch_listeners(struct tcp_engine *e)
{
	int err = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(e->acceptors) && !err; i++) {
		struct acceptor *a = &e->acceptors[i];

		*a = (struct acceptor){
			.io = { .ready = accept_ready }, .e = e, .row = i / 2, .cls = i % 2
		};
		err = tcp_listen(e, a->row, a->cls);
	}
	return err;
}

/* ---- source addresses that are gone ------------------------------------- */

static void report_lost(struct timer *timer)
{
	struct tcp_engine *e = container_of(timer, struct tcp_engine, lost);
	unsigned int lost = pathlog_take(&e->conns.ctx->relay->paths->lost);

	if (lost)
		record_say(RECORD_INFO,
			   "path: %u TCP connections were reset (their source address is no "
			   "longer one of this host)",
			   lost);
}

static void conn_lost(struct source_member *m, void *arg)
{
	struct tcp_engine *e = arg;

	if (pathlog_count(&e->conns.ctx->relay->paths->lost))
		timer_set(&e->w->wheel, &e->lost, e->w->now + PATHLOG_AFTER_MS);
	conn_finish(container_of(m, struct conn, of_source), END_PATH_LOST, 0, RESET_BOTH);
}

/* ---- open and close ----------------------------------------------------- */

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
	memory_limits();
	backlogs_init(&e->conns.backlogs, e->w, &e->conns.tools, conn_evict_stalled);
	e->seed = (unsigned int)(e->w->next_id + e->w->now); /* ids differ between threads */
	e->pause.fire = accept_resume;
	e->lost.fire = report_lost;
	e->conns.warnings = (struct record_limit){ .what = "warnings about accepting",
						   .max = 1,
						   .window_ms = WARN_EVERY_MS };
	e->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (e->spare < 0)
		return -errno;
	e->conns.tools.buf = malloc(PUMP_BUFFER_SIZE);
	e->conns.sources = sources_new(e->w, conn_lost, e);
	if (!e->conns.tools.buf || !e->conns.sources)
		return -ENOMEM;
	return watch_listeners(e);
}

bool tcp_busy(const struct tcp_engine *e)
{
	return !TAILQ_EMPTY(&e->conns.list);
}

/* Closing a listener resets what waits in its queue. */
static void acceptor_drain(struct acceptor *a)
{
	enum accepted r = ACCEPTED;

	for (int failed = 0;
	     !a->e->paused && !a->e->held && accept_continues(r) && failed < ACCEPTS_PER_TURN;) {
		r = accept_one(a);
		failed += r == ACCEPT_FAILED;
	}
}

void tcp_hold(struct tcp_engine *e, bool hold)
{
	int err = 0;

	e->held = hold;
	if (hold || !e->paused)
		err = accept_rewatch(e, hold ? 0 : EPOLLIN);
	if (err)
		accept_pause(e, -err);
}

void tcp_drain(struct tcp_engine *e)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(e->acceptors); i++) {
		if (e->acceptors[i].io.fd >= 0)
			acceptor_drain(&e->acceptors[i]);
		e->acceptors[i].io.fd = -1;
	}
	timer_cancel(&e->w->wheel, &e->pause);
}

void tcp_addresses_changed(struct tcp_engine *e)
{
	sources_changed(e->conns.sources, e->conns.ctx->local);
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
	if (e->lost.armed)
		report_lost(&e->lost);
	timer_cancel(&e->w->wheel, &e->lost);
	timer_cancel(&e->w->wheel, &e->pause);
	backlogs_close(&e->conns.backlogs);
	pipes_close(&e->conns.tools.pipes);
	sources_free(e->conns.sources);
	free(e->conns.tools.buf);
	cleanup_fd(&e->spare);
	free(e);
}
