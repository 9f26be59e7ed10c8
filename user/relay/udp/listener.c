/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The UDP listeners of the thread: watches and empties them, and finds out when one is dead. Must
 * not look into datagrams.
 */
#include <string.h>
#include <sys/epoll.h>

#include "lib/util.h"
#include "relay/log/record.h"
#include "relay/net/sockopt.h"
#include "relay/process/exchange.h"
#include "relay/udp/session.h"

/* Bounds engine_empty_listeners: the buffer of a listener cannot hold more. */
#define EMPTYING_READS 256

/* Errors in a row that are no reason to give a socket up, such as a lack of memory. */
#define FAILURES_MAX 64

/* How often we look for listeners that died without an error. */
#define LOOK_MS 2000

#define TROUBLE (EPOLLERR | EPOLLHUP | EPOLLRDHUP)

/* ---- errors ------------------------------------------------------------- */

static void lose(struct udp_listener *l, int err)
{
	struct engine_context *ctx = l->e->ctx;

	worker_unwatch(l->e->w, l->io.fd);
	l->io.fd = -1;
	exchange_report_dead(ctx->exchange, ctx->listeners, l->row, l->cls, err);
}

static void say_mended(const struct udp_listener *l)
{
	static struct record_limit limit = { .what = "warnings about aborted UDP listeners",
					     .max = 16,
					     .window_ms = 10000 };
	char text[SADDR_TEXT_LEN] = "";
	union saddr addr = { 0 };
	socklen_t len = sizeof(addr);

	if (!record_limit_take(&limit, l->e->w->now))
		return;
	if (!getsockname(l->io.fd, &addr.sa, &len))
		saddr_format(&addr, text);
	record_say(RECORD_WARN,
		   "listener UDP %s: another program aborted it, as ss -K does; it continues",
		   text);
}

/*
 * SOCK_DESTROY leaves an error and takes the device from a socket, but neither its port, if we chose
 * it, nor its slot or its queue (udp_abort, __udp_disconnect). To open it again would lose datagrams,
 * and be impossible while systemd holds it, too.
 */
static bool mend(const struct udp_listener *l)
{
	if (listener_bind_device(l->io.fd, l->e->ctx->relay->binding.in))
		return false;
	say_mended(l);
	return true;
}

/* After an error, 0: the kernel reported one and does not say which. */
static void check(struct udp_listener *l, int err)
{
	bool dead = listener_is_dead(l->io.fd, l->cls);

	if (!dead && err == ECONNABORTED && mend(l))
		l->failures = 0;
	else if (dead || ++l->failures == FAILURES_MAX)
		lose(l, dead || !err ? ECONNABORTED : err);
}

/* ---- reading ------------------------------------------------------------ */

/* Number of runs, or at most 0. */
static int receive(struct udp_listener *l)
{
	int n = batch_receive(l->e->batch, l->io.fd);

	l->e->door = l->door;
	if (n > 0)
		l->failures = 0;
	if (n < 0)
		check(l, -n);
	return n;
}

static void listener_ready(struct io *io, uint32_t events)
{
	struct udp_listener *l = container_of(io, struct udp_listener, io);

	if (events & TROUBLE)
		check(l, sockopt_error(io->fd));
	if (io->fd < 0)
		return;
	if (l->e->held)
		return;
	engine_dispatch(l->e, receive(l));
	direct_promote_waiting(l->e);
}

void engine_empty_listeners(struct udp_engine *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(e->listeners); i++) {
		struct udp_listener *l = &e->listeners[i];

		for (int reads = 0; l->io.fd >= 0 && !e->held && reads < EMPTYING_READS; reads++) {
			int n = receive(l);

			if (n <= 0)
				break;
			engine_dispatch(e, n);
		}
	}
}

/*
 * The kernel reports an error of a socket once. During a hand-over two relays have the listeners, and
 * the other one may have read it.
 */
static void look_at_all(struct timer *timer)
{
	struct udp_engine *e = container_of(timer, struct udp_engine, look_timer);

	for (size_t i = 0; i < ARRAY_SIZE(e->listeners) && !e->held; i++) {
		struct udp_listener *l = &e->listeners[i];

		if (l->io.fd >= 0 && listener_is_dead(l->io.fd, l->cls))
			lose(l, ECONNABORTED);
	}
	timer_set(&e->w->wheel, timer, e->w->now + LOOK_MS);
}

/* ---- watching ----------------------------------------------------------- */

static uint16_t door_of(int fd)
{
	union saddr addr = { 0 };
	socklen_t len = sizeof(addr);

	return getsockname(fd, &addr.sa, &len) ? 0 : saddr_port(&addr);
}

bool engine_has_door(const struct udp_engine *e, sa_family_t family, uint16_t door)
{
	enum tproxy_class cls = family == AF_INET ? TPROXY_UDP4 : TPROXY_UDP6;

	for (size_t i = 0; i < ARRAY_SIZE(e->listeners); i++)
		if (e->listeners[i].io.fd >= 0 && e->listeners[i].door == door &&
		    e->listeners[i].cls == cls)
			return true;
	return false;
}

static uint32_t watched(const struct udp_engine *e)
{
	return e->held ? 0 : EPOLLIN | EPOLLRDHUP;
}

int udp_listen(struct udp_engine *e, unsigned int row, enum tproxy_class cls)
{
	struct udp_listener *l = &e->listeners[row * 2 + (cls - TPROXY_UDP4)];
	int err;

	l->failures = 0;
	l->io.fd = e->ctx->listeners->fds[row][cls];
	if (l->io.fd < 0)
		return 0;
	l->door = door_of(l->io.fd);
	batch_accept_runs(l->io.fd);
	ip_fields_request(l->io.fd, cls == TPROXY_UDP4 ? AF_INET : AF_INET6);
	err = worker_watch(e->w, &l->io, watched(e));
	if (err)
		l->io.fd = -1;
	return err;
}

static void place(struct udp_engine *e, unsigned int i)
{
	e->listeners[i] = (struct udp_listener){ .io = { .fd = -1, .ready = listener_ready },
						 .e = e,
						 .row = i / 2,
						 .cls = TPROXY_UDP4 + i % 2 };
}

int listener_watch_all(struct udp_engine *e)
{
	int err = 0;

	e->look_timer.fire = look_at_all;
	timer_set(&e->w->wheel, &e->look_timer, e->w->now + LOOK_MS);
	for (unsigned int i = 0; i < ARRAY_SIZE(e->listeners); i++)
		place(e, i);
	for (unsigned int i = 0; i < ARRAY_SIZE(e->listeners) && !err; i++)
		err = udp_listen(e, e->listeners[i].row, e->listeners[i].cls);
	return err;
}

void listener_hold_all(struct udp_engine *e, bool hold)
{
	int err = 0;

	e->held = hold;
	for (size_t i = 0; i < ARRAY_SIZE(e->listeners) && !err; i++)
		if (e->listeners[i].io.fd >= 0)
			err = worker_rewatch(e->w, &e->listeners[i].io, watched(e));
	if (err)
		record_say(RECORD_ERROR, "UDP: a listener cannot be read: %s (restart the relay)",
			   strerror(-err));
}

void listener_leave_all(struct udp_engine *e)
{
	timer_cancel(&e->w->wheel, &e->look_timer);
	for (size_t i = 0; i < ARRAY_SIZE(e->listeners); i++)
		e->listeners[i].io.fd = -1;
}
