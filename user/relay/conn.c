/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/conn.h"

#include <string.h>
#include <sys/epoll.h>

#include "lib/util.h"
#include "relay/admit.h"
#include "relay/preface.h"
#include "relay/pump.h"
#include "relay/sockopt.h"
#include "relay/upstream.h"

/*
 * Connections of a worker are listed by when they were last busy. Moving one costs
 * cache misses, so it is done once in this time at most, and the order is that exact.
 */
#define LISTED_GRAIN_MS 1000
#define EVICT_IDLE_MS 2000 /* nobody is evicted before */

/*
 * Both sockets are in epoll once, edge triggered, for everything. So what an
 * edge said is remembered here until a call answers EAGAIN.
 */
struct side {
	struct io io;
	bool readable;
	bool writable;
};

enum conn_reset { RESET_NONE = 0, RESET_CLIENT = 1, RESET_SERVER = 2, RESET_BOTH = 3 };

struct conn {
	struct grave grave;
	TAILQ_ENTRY(conn) link;
	struct worker *w;
	struct side client;
	struct side server;
	struct pump up;	  /* client to server */
	struct pump down; /* server to client */
	struct task more; /* a pump has used up its turn */
	struct timer timer;
	bool connecting;
	enum flow_end first_fin; /* valid once a pump is done */
	uint64_t id;
	uint64_t begin;	 /* ms */
	uint64_t last;	 /* ms; the latest byte */
	uint64_t listed; /* ms; when it became the last of the list */
	union saddr client_addr;
	union saddr dst;
	union saddr server_addr; /* see struct flow_record */
	union saddr source;
	struct limits_ticket ticket;
	struct preface *preface; /* what is said before the client's bytes, while connecting */
	const char *reason;	 /* should the connection not come about, or NULL */
};

static struct flow_record conn_record(const struct conn *c)
{
	return (struct flow_record){ .id = c->id,
				     .proto = IPPROTO_TCP,
				     .client = c->client_addr,
				     .dst = c->dst,
				     .server = c->server_addr,
				     .source = c->source,
				     .bytes_up = c->up.bytes,
				     .bytes_down = c->down.bytes,
				     .duration_ms = c->w->now - c->begin };
}

static void side_close(struct side *side, bool reset)
{
	if (side->io.fd >= 0 && reset)
		sockopt_reset_on_close(side->io.fd);
	worker_close_io(&side->io);
}

/* The only way out. err: positive errno for the record, or 0. */
static void conn_finish(struct conn *c, enum flow_end end, int err, enum conn_reset reset)
{
	struct flow_record record = conn_record(c);

	side_close(&c->client, reset & RESET_CLIENT);
	side_close(&c->server, reset & RESET_SERVER);
	pump_free(&c->up, &c->w->tools);
	pump_free(&c->down, &c->w->tools);
	timer_cancel(&c->w->wheel, &c->timer);
	worker_unqueue(c->w, &c->more);
	preface_free(c->preface);
	admit_release(c->w, &c->ticket);
	TAILQ_REMOVE(&c->w->conns, c, link);
	record.end = end;
	record.err = err;
	if (end == END_CONNECT_FAILED || end == END_CONNECT_TIMEOUT)
		record.reason = c->reason;
	record_flow_end(&record);
	worker_bury(c->w, &c->grave, c);
}

static bool is_reset(int err)
{
	/* EPIPE: a reset that came after the FIN, or a write behind either. */
	return err == ECONNRESET || err == EPIPE;
}

/* One side broke: the other learns it by RST. err: positive errno. */
static void conn_broken(struct conn *c, const struct side *side, int err)
{
	if (!is_reset(err))
		conn_finish(c, END_ERROR, err, RESET_BOTH);
	else if (side == &c->client)
		conn_finish(c, END_CLIENT_RST, 0, RESET_SERVER);
	else
		conn_finish(c, END_SERVER_RST, 0, RESET_CLIENT);
}

static void conn_touch(struct conn *c)
{
	c->last = c->w->now;
	if (c->last - c->listed < LISTED_GRAIN_MS)
		return;
	c->listed = c->last;
	TAILQ_REMOVE(&c->w->conns, c, link);
	TAILQ_INSERT_TAIL(&c->w->conns, c, link);
}

static void conn_set_timer(struct conn *c, uint32_t seconds)
{
	timer_set(&c->w->wheel, &c->timer, c->last + seconds * 1000ULL);
}

/* A direction is done: FIN was passed on after its last byte. */
static void conn_fin(struct conn *c, const struct pump *p)
{
	if (c->up.done && c->down.done) {
		conn_finish(c, c->first_fin, 0, RESET_NONE);
		return;
	}
	c->first_fin = p == &c->up ? END_CLIENT_FIN : END_SERVER_FIN;
	conn_touch(c);
	conn_set_timer(c, c->w->relay->options->half_closed_timeout);
}

static void conn_pump(struct conn *c, struct pump *p, struct side *from, struct side *to)
{
	uint64_t before = p->bytes;
	enum pump_result r;

	if (p->done || !to->writable || (!pump_pending(p) && !from->readable))
		return;
	r = pump_run(p, &c->w->tools, from->io.fd, to->io.fd);
	if (p->bytes != before)
		conn_touch(c);
	switch (r) {
	case PUMP_WAIT_READ:
		from->readable = false;
		break;
	case PUMP_WAIT_WRITE:
		to->writable = false;
		break;
	case PUMP_YIELD:
		worker_queue(c->w, &c->more);
		break;
	case PUMP_DONE:
		conn_fin(c, p);
		break;
	case PUMP_READ_FAILED:
		conn_broken(c, from, p->err);
		break;
	case PUMP_WRITE_FAILED:
		pump_rest(p == &c->up ? &c->down : &c->up, &c->w->tools, to->io.fd, from->io.fd);
		conn_broken(c, to, p->err);
		break;
	}
}

/* Finishing closes both sides; the memory lives until the end of the turn. */
static bool conn_over(const struct conn *c)
{
	return c->client.io.fd < 0;
}

static void conn_run(struct conn *c)
{
	conn_pump(c, &c->up, &c->client, &c->server);
	if (!conn_over(c))
		conn_pump(c, &c->down, &c->server, &c->client);
}

static void conn_more(struct task *task)
{
	conn_run(container_of(task, struct conn, more));
}

static bool is_limit(int err)
{
	/* ENOSPC: fs.epoll.max_user_watches. */
	return err == EMFILE || err == ENFILE || err == ENOMEM || err == ENOBUFS || err == ENOSPC;
}

static void connect_failed(struct conn *c, int err)
{
	enum flow_end end = err == ETIMEDOUT ? END_CONNECT_TIMEOUT :
			    is_limit(err)    ? END_LIMIT :
					       END_CONNECT_FAILED;

	if (end == END_LIMIT)
		c->w->stats.limited++;
	conn_finish(c, end, err, RESET_CLIENT);
}

/* False: it goes on, or the connection is over. */
static bool preface_done(struct conn *c)
{
	enum preface_result r = c->preface ? preface_run(c->preface, c->server.io.fd) : PREFACE_DONE;

	if (c->reason)
		c->reason = "proxy-answer";
	if (r == PREFACE_FAILED)
		connect_failed(c, preface_error(c->preface));
	if (r != PREFACE_DONE)
		return false;
	preface_free(c->preface);
	c->preface = NULL;
	return true;
}

static void connect_event(struct conn *c, struct side *side, uint32_t events)
{
	const struct options *o = c->w->relay->options;
	int err = events & (EPOLLERR | EPOLLHUP) ? sockopt_error(side->io.fd) : 0;

	if (side == &c->client) {
		/* Bytes and FIN wait until there is somebody to pass them to. */
		if (events & (EPOLLERR | EPOLLHUP))
			conn_broken(c, side, err ? err : ECONNRESET);
		return;
	}
	if (err) {
		connect_failed(c, err);
		return;
	}
	if (!side->writable || !preface_done(c))
		return;
	/* Not before: SYNs have a time-out of their own. */
	sockopt_user_timeout(c->client.io.fd, o->user_timeout);
	sockopt_user_timeout(c->server.io.fd, o->user_timeout);
	c->connecting = false;
	conn_touch(c);
	conn_set_timer(c, o->idle_timeout);
	conn_run(c);
}

static void side_ready(struct conn *c, struct side *side, uint32_t events)
{
	if (events & (EPOLLRDHUP | EPOLLPRI | EPOLLERR | EPOLLHUP))
		(side == &c->client ? &c->up : &c->down)->careful = true;
	side->readable |= !!(events & (EPOLLIN | EPOLLERR | EPOLLHUP));
	side->writable |= !!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP));
	if (c->connecting) {
		connect_event(c, side, events);
		return;
	}
	conn_run(c);
	/* A reset while nothing is read here: the receiver is full, or this side has sent FIN. */
	if ((events & EPOLLERR) && !conn_over(c)) {
		int err = sockopt_error(side->io.fd);

		if (err)
			conn_broken(c, side, err);
	}
}

static void client_ready(struct io *io, uint32_t events)
{
	struct conn *c = container_of(io, struct conn, client.io);

	side_ready(c, &c->client, events);
}

static void server_ready(struct io *io, uint32_t events)
{
	struct conn *c = container_of(io, struct conn, server.io);

	side_ready(c, &c->server, events);
}

/* Bytes do not move the timer; it looks when the last one was, and sleeps on. */
static void conn_timeout(struct timer *timer)
{
	struct conn *c = container_of(timer, struct conn, timer);
	const struct options *o = c->w->relay->options;
	bool half = c->up.done || c->down.done;
	uint32_t limit = half ? o->half_closed_timeout : o->idle_timeout;

	if (c->connecting)
		conn_finish(c, END_CONNECT_TIMEOUT, ETIMEDOUT, RESET_BOTH);
	else if (c->last + limit * 1000ULL > c->w->now)
		conn_set_timer(c, limit);
	else
		conn_finish(c, half ? END_HALF_CLOSED : END_IDLE, 0, RESET_BOTH);
}

static int conn_connect(struct conn *c)
{
	const struct options *o = c->w->relay->options;
	const uint32_t events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET;
	const bool proxied = o->proxy.kind != PROXY_NONE;
	const struct flow_record record = conn_record(c);
	const union saddr *to = flow_goes_to(&record);
	struct upstream up;
	int err = c->preface ? 0 : preface_new(o, &c->client_addr, to, &c->preface);

	if (!err)
		err = upstream_open(SOCK_STREAM, o->source, &c->client_addr,
				    proxied ? &o->proxy.addr : to, &up);
	c->reason = proxied ? "proxy-connect" : NULL;
	if (err)
		return err;
	c->server.io.fd = up.fd;
	c->source = up.source;
	sockopt_pace(c->client.io.fd, c->w->settings->limits.bandwidth);
	sockopt_pace(c->server.io.fd, c->w->settings->limits.bandwidth);
	if (up.fell_back)
		c->w->stats.port_fallbacks++;
	err = worker_watch(c->w, &c->server.io, events);
	if (!err)
		err = worker_watch(c->w, &c->client.io, events);
	conn_set_timer(c, o->connect_timeout);
	return err;
}

static struct conn *conn_new(struct worker *w, int fd, const struct flow_record *record)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->w = w;
	c->client.io = (struct io){ .fd = fd, .ready = client_ready };
	c->server.io = (struct io){ .fd = -1, .ready = server_ready };
	c->more.run = conn_more;
	c->timer.fire = conn_timeout;
	c->connecting = true;
	c->id = worker_new_id(w);
	c->begin = c->last = c->listed = w->now;
	c->client_addr = record->client;
	c->dst = record->dst;
	c->server_addr = record->server;
	TAILQ_INSERT_TAIL(&w->conns, c, link);
	return c;
}

bool conn_evict(struct worker *w)
{
	struct conn *c = TAILQ_FIRST(&w->conns);

	if (!c || w->now - c->last < EVICT_IDLE_MS)
		return false;
	w->stats.limited++;
	conn_finish(c, END_EVICTED, 0, RESET_BOTH);
	return true;
}

/* Ends a connection that never got a state. */
static void conn_reject(struct worker *w, int fd, struct flow_record *record)
{
	record->id = worker_new_id(w);
	record->proto = IPPROTO_TCP;
	sockopt_reset_on_close(fd);
	close(fd);
	record_flow_end(record);
}

void conn_shed(struct worker *w, int fd, const union saddr *client, int err)
{
	struct flow_record record = { .client = *client, .end = END_LIMIT, .err = err };
	socklen_t len = sizeof(record.dst);

	w->stats.limited++;
	if (getsockname(fd, &record.dst.sa, &len))
		memset(&record.dst, 0, sizeof(record.dst));
	conn_reject(w, fd, &record);
}

void conn_open(struct worker *w, int fd, const union saddr *client)
{
	struct flow_record record = { .client = *client, .proto = IPPROTO_TCP };
	struct limits_ticket ticket;
	socklen_t len = sizeof(record.dst);
	struct conn *c;
	int err;

	w->stats.tcp_flows++;
	/* Never SO_ORIGINAL_DST: a stale conntrack entry would lie about a transparent socket. */
	if (getsockname(fd, &record.dst.sa, &len)) {
		conn_shed(w, fd, client, errno);
		return;
	}
	if (!admit_flow(w, &record, &ticket)) {
		conn_reject(w, fd, &record);
		return;
	}
	c = conn_new(w, fd, &record);
	if (!c) {
		admit_release(w, &ticket);
		conn_shed(w, fd, client, ENOMEM);
		return;
	}
	c->ticket = ticket;
	err = conn_connect(c);
	if (err == -EMFILE && conn_evict(w))
		err = conn_connect(c);
	if (err) {
		connect_failed(c, -err);
		return;
	}
	record = conn_record(c);
	record_flow_start(&record);
}

void conn_end_all(struct worker *w, enum flow_end end)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&w->conns)))
		conn_finish(c, end, 0, RESET_BOTH);
}
