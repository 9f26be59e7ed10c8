/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/tcp/conn.h"

#include <string.h>
#include <sys/epoll.h>

#include "lib/util.h"
#include "relay/config/options.h"
#include "relay/config/settings.h"
#include "relay/log/record.h"
#include "relay/loop/flowview.h"
#include "relay/net/sockopt.h"

/* A client's connections are ordered by when they were last busy, no more exactly than this. */
#define LISTED_GRAIN_MS 1000

/* Bytes that are worth a run, and that one takes at most, of a limited bandwidth. */
#define ROOM_MIN 64
#define ROOM_MAX (1024 * 1024)
#define REFILL_MS 40

/* Most connections end earlier: they need neither the calls nor the kernel's timers. */
#define KEEPALIVE_AFTER_S 15

struct flow_record conn_record(const struct conn *c)
{
	return (struct flow_record){ .id = c->id,
				     .proto = IPPROTO_TCP,
				     .client = c->client_addr,
				     .dst = c->dst,
				     .server = c->server_addr,
				     .source = c->source,
				     .bytes_up = c->up.bytes,
				     .bytes_down = c->down.bytes,
				     .duration_ms = c->w->now - c->begin,
				     .loop = c->loop,
				     .relayed = c->begun };
}

static void side_close(struct side *side, bool reset)
{
	if (side->io.fd >= 0 && reset)
		sockopt_reset_on_close(side->io.fd);
	worker_close_io(&side->io);
}

void conn_finish(struct conn *c, enum flow_end end, int err, enum conn_reset reset)
{
	struct flow_record record = conn_record(c);

	backlog_end(&c->all->backlogs, &c->client.backlog);
	backlog_end(&c->all->backlogs, &c->server.backlog);
	side_close(&c->client, reset & RESET_CLIENT);
	side_close(&c->server, reset & RESET_SERVER);
	pump_free(&c->up, &c->all->tools);
	pump_free(&c->down, &c->all->tools);
	timer_cancel(&c->w->wheel, &c->timer);
	timer_cancel(&c->w->wheel, &c->refill);
	worker_unqueue(c->w, &c->more);
	handshake_free(c->handshake);
	lane_leave(&c->flow);
	budget_return(&c->all->descriptors, CONN_DESCRIPTORS);
	TAILQ_REMOVE(&c->all->list, c, link);
	flowtable_leave(&c->all->ctx->flows, &c->member);
	sources_leave(&c->of_source);
	record.end = end;
	record.err = err;
	if (end == END_CONNECT_FAILED || end == END_CONNECT_TIMEOUT)
		record.reason = c->reason;
	record_flow_end(&record);
	worker_free_later(c->w, &c->free_later, c);
}

static bool is_reset(int err)
{
	/* EPIPE: a reset that came after the FIN, or a write after one of them. */
	return err == ECONNRESET || err == EPIPE;
}

void conn_broken(struct conn *c, const struct side *side, int err)
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
	lane_touch(&c->flow, c->last, LISTED_GRAIN_MS);
}

/* Counted from the last byte. */
static void conn_set_timer(struct conn *c, uint32_t seconds)
{
	if (!c->kept_alive && seconds > KEEPALIVE_AFTER_S)
		seconds = KEEPALIVE_AFTER_S;
	timer_set(&c->w->wheel, &c->timer, c->last + seconds * 1000ULL);
}

/* A direction is done: its FIN was passed on after the last byte. */
static void conn_fin(struct conn *c, const struct pump *p)
{
	if (c->up.done && c->down.done) {
		conn_finish(c, c->first_fin, 0, RESET_NONE);
		return;
	}
	c->first_fin = p == &c->up ? END_CLIENT_FIN : END_SERVER_FIN;
	conn_touch(c);
	conn_set_timer(c, c->all->ctx->relay->options->half_closed_timeout);
}

/* ---- bandwidth ---------------------------------------------------------- */

static struct bandwidth_flow bandwidth_of(const struct conn *c, const struct pump *p)
{
	return (struct bandwidth_flow){ .limits = &c->all->ctx->settings->limits,
					.way = p == &c->up ? BANDWIDTH_UP : BANDWIDTH_DOWN,
					.use = BANDWIDTH_TCP,
					.now_ms = c->w->now };
}

/* A run takes half of the room, so that others find some, but nothing if it is a few bytes. */
static void conn_limit(struct conn *c, struct pump *p)
{
	struct bandwidth_flow flow = bandwidth_of(c, p);
	size_t room;

	p->limit = 0;
	p->held = false;
	if (!lane_is_limited(flow.limits))
		return;
	room = lane_room(c->flow.lane, &flow);
	p->held = room < ROOM_MIN;
	p->limit = room / 2 < ROOM_MAX ? (uint32_t)(room / 2) : ROOM_MAX;
}

static void conn_spend(struct conn *c, const struct pump *p)
{
	struct bandwidth_flow flow = bandwidth_of(c, p);

	if (p->limit && p->limit != p->left)
		lane_spend(c->flow.lane, &flow, p->limit - p->left);
}

/* Not all at once and not in the same order each time, so that each gets its part. */
static void conn_wait_for_bandwidth(struct conn *c)
{
	if (!c->refill.armed)
		timer_set(&c->w->wheel, &c->refill,
			  c->w->now + REFILL_MS + (c->w->turn + c->id) % REFILL_MS);
}

static void conn_refilled(struct timer *timer)
{
	struct conn *c = container_of(timer, struct conn, refill);

	worker_queue(c->w, &c->more);
}

/* ---- relaying ----------------------------------------------------------- */

static void conn_pump(struct conn *c, struct pump *p, struct side *from, struct side *to)
{
	struct pump *other = p == &c->up ? &c->down : &c->up;
	uint64_t before = p->bytes;
	enum pump_result r;

	if (p->done || !to->writable || (!pump_pending(p) && !from->readable))
		return;
	p->last = other->done;
	conn_limit(c, p);
	from->read = c->w->turn;
	r = pump_run(p, &c->all->tools, from->io.fd, to->io.fd);
	conn_spend(c, p);
	if (p->bytes != before)
		conn_touch(c);
	backlog_note(&c->all->backlogs, &from->backlog,
		     &(struct backlog_flow){ p, c, from->io.fd, to->io.fd }, r == PUMP_WAIT_WRITE);
	switch (r) {
	case PUMP_WAIT_READ:
		from->readable = false;
		break;
	case PUMP_WAIT_WRITE:
		to->writable = false;
		break;
	case PUMP_YIELD:
		if (p->held)
			conn_wait_for_bandwidth(c);
		else
			worker_queue(c->w, &c->more);
		break;
	case PUMP_DONE:
		conn_fin(c, p);
		break;
	case PUMP_READ_FAILED:
		conn_broken(c, from, p->err);
		break;
	case PUMP_WRITE_FAILED:
		pump_rest(other, &c->all->tools, to->io.fd, from->io.fd);
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
	c->all->tools.now = c->w->now;
	conn_pump(c, &c->up, &c->client, &c->server);
	if (!conn_over(c))
		conn_pump(c, &c->down, &c->server, &c->client);
}

static void conn_more(struct task *task)
{
	struct conn *c = container_of(task, struct conn, more);

	conn_run(c);
	if (!conn_over(c) && c->ack_due && !c->up.bytes)
		sockopt_ack_now(c->server.io.fd);
	c->ack_due = false;
}

void conn_note_edge(struct conn *c, struct side *side, uint32_t events)
{
	struct pump *p = side == &c->client ? &c->up : &c->down;

	p->fin |= !!(events & EPOLLRDHUP);
	p->careful |= !!(events & (EPOLLERR | EPOLLHUP));
	p->marked |= !!(events & EPOLLPRI);
	/* A read in this turn may have taken what the event told of. */
	p->fresh |= (events & EPOLLIN) && side->read != c->w->turn;
	side->readable |= !!(events & (EPOLLIN | EPOLLERR | EPOLLHUP));
	side->writable |= !!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP));
}

static void side_ready(struct conn *c, struct side *side, uint32_t events)
{
	conn_note_edge(c, side, events);
	conn_run(c);
	/* A reset while we do not read: the receiver is full, or this side has sent its FIN. */
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

/* seconds: from the last byte until the next look. */
static void conn_keep(struct conn *c, uint32_t seconds)
{
	if (!c->kept_alive) {
		sockopt_keepalive(c->client.io.fd);
		sockopt_keepalive(c->server.io.fd);
		c->kept_alive = true;
	}
	conn_set_timer(c, seconds);
}

/* Bytes do not move the timer: when it fires it looks when the last one was, and may wait again. */
static void conn_timeout(struct timer *timer)
{
	struct conn *c = container_of(timer, struct conn, timer);
	const struct options *o = c->all->ctx->relay->options;
	bool half = c->up.done || c->down.done;
	uint32_t limit = half ? o->half_closed_timeout : o->idle_timeout;

	if (c->last + limit * 1000ULL > c->w->now)
		conn_keep(c, limit);
	else
		conn_finish(c, half ? END_HALF_CLOSED : END_IDLE, 0, RESET_BOTH);
}

void conn_begin(struct conn *c)
{
	c->begun = true;
	c->client.io.ready = client_ready;
	c->server.io.ready = server_ready;
	c->timer.fire = conn_timeout;
	conn_touch(c);
	conn_set_timer(c, c->all->ctx->relay->options->idle_timeout);
	conn_run(c);
	/* The client's first bytes may be among this turn's events. */
	if (!conn_over(c) && !c->up.bytes) {
		c->ack_due = true;
		worker_queue(c->w, &c->more);
	}
}

/* ---- the table of flows ------------------------------------------------- */

static enum flows_state conn_state(const struct conn *c)
{
	if (c->timer.fire != conn_timeout)
		return FLOWS_CONNECTING;
	return c->up.done || c->down.done ? FLOWS_HALF_CLOSED : FLOWS_OPEN;
}

static void conn_describe(const struct flow_member *member, struct flow_view *ret_view)
{
	const struct conn *c = container_of(member, struct conn, member);

	*ret_view = (struct flow_view){ .record = conn_record(c),
					.idle_ms = c->w->now - c->last,
					.state = conn_state(c) };
}

static void conn_kill(struct flow_member *member)
{
	conn_finish(container_of(member, struct conn, member), END_KILLED, 0, RESET_BOTH);
}

static const struct flow_ops conn_ops = { .describe = conn_describe, .end = conn_kill };

struct conn *conn_new(struct conns *all, int fd, const struct flow_record *record,
		      struct lane *lane)
{
	struct worker *w = &all->ctx->worker;
	struct conn *c = calloc(1, sizeof(*c));

	if (!c || flowtable_join(&all->ctx->flows, &c->member, &conn_ops)) {
		free(c);
		return NULL;
	}
	c->all = all;
	c->w = w;
	c->client.io.fd = fd;
	c->server.io.fd = -1;
	c->more.run = conn_more;
	c->refill.fire = conn_refilled;
	c->id = worker_new_id(w);
	c->begin = c->last = w->now;
	c->client_addr = record->client;
	c->dst = record->dst;
	c->server_addr = record->server;
	c->loop = record->loop;
	TAILQ_INSERT_TAIL(&all->list, c, link);
	lane_join(lane, LANE_TCP, &c->flow, c->begin);
	return c;
}

void conn_evict_stalled(void *owner)
{
	struct conn *c = owner;

	c->all->ctx->stats.limited++;
	conn_finish(c, END_STALLED, 0, RESET_BOTH);
}

void conn_end_all(struct conns *all, enum flow_end end)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&all->list)))
		conn_finish(c, end, 0, RESET_BOTH);
}
