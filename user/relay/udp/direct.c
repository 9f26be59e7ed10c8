/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Promotes a busy flow to a socket of its own towards the client, and demotes it again. Must not
 * lose a datagram, nor let one overtake another.
 *
 * Promotion: datagrams of the flow in the listener are older than all that come to the socket, so
 * the listener is emptied before the socket is read. Demotion: the socket leaves its address, so
 * steering brings the next datagrams to the listener. The socket is retired: it is read for a
 * moment longer, for datagrams that had found it before, and then closed.
 */
#include <sys/epoll.h>

#include "lib/util.h"
#include "relay/net/exclusive.h"
#include "relay/net/sockopt.h"
#include "relay/udp/session.h"

#define PROMOTE_WINDOW_MS 1000
#define PROMOTE_AFTER 64 /* datagrams in a window */
#define DEMOTE_BELOW 64  /* datagrams between two reviews by the session's timer */
#define RETIRE_MS 100
#define RETIRED_READS 256
#define KEEP_MS 2000 /* a drain does not keep flows that were quiet for longer */

struct direct {
	struct io io;
	struct free_later free_later;
	TAILQ_ENTRY(direct) link;
	struct udp_engine *e;
	struct session *s;  /* NULL: retired */
	struct timer timer; /* ends the retirement */
	union saddr client;
	union saddr dst;
	bool watched;
};

int direct_fd(const struct direct *d)
{
	return d->io.fd;
}

static void direct_free(struct direct *d)
{
	struct udp_engine *e = d->e;

	timer_cancel(&e->w->wheel, &d->timer);
	worker_close_io(&d->io);
	TAILQ_REMOVE(&e->directs, d, link);
	e->direct_count--;
	budget_return(&e->descriptors, 1);
	if (!d->s)
		e->retired_count--;
	worker_free_later(e->w, &d->free_later, d);
}

/* Reads until it is empty; bounded, so that a flood does not hold up other flows. */
static void direct_drain(struct direct *d)
{
	for (int i = 0; i < RETIRED_READS; i++) {
		int n = batch_receive(d->e->batch, d->io.fd);

		if (!n)
			return;
		/* After an error there may be datagrams. */
		if (n > 0)
			engine_dispatch_flow(d->e, n, &d->client, &d->dst);
	}
}

static void direct_retired(struct timer *timer)
{
	struct direct *d = container_of(timer, struct direct, timer);

	direct_drain(d);
	direct_free(d);
}

/* A socket without one was ended by SOCK_DESTROY, as detach does. */
static bool has_peer(const struct direct *d)
{
	union saddr peer;
	socklen_t len = sizeof(peer);

	return !getpeername(d->io.fd, &peer.sa, &len);
}

static void direct_ready(struct io *io, uint32_t events)
{
	struct direct *d = container_of(io, struct direct, io);
	struct udp_engine *e = d->e;
	uint32_t mtu;

	if (events & EPOLLERR)
		error_take_client(e, io->fd, &d->dst, NULL, &mtu);
	if ((events & EPOLLERR) && d->s && !has_peer(d)) {
		session_finish(d->s, END_ERROR, ECONNABORTED);
		return;
	}
	engine_dispatch_flow(e, batch_receive(e->batch, io->fd), &d->client, &d->dst);
	direct_promote_waiting(e);
}

static uint16_t *directs_at(struct udp_engine *e, const union saddr *dst)
{
	return &e->directs_at[saddr_hash(dst, e->seed) % DIRECT_BUCKETS];
}

static int connect_direct(const struct session *s)
{
	sa_family_t family = s->dst.sa.sa_family;
	__cleanup_close int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = sockopt_transparent(fd, family);
	if (!err && family == AF_INET6)
		err = sockopt_on(fd, SOL_IPV6, IPV6_V6ONLY);
	/* Other flows to this destination have such sockets, too, and so may another relay. */
	if (!err)
		err = sockopt_on(fd, SOL_SOCKET, SO_REUSEADDR);
	if (!err)
		err = sockopt_errors(fd, family);
	if (err)
		return err;
	socket_expect_bulk(fd);
	batch_accept_runs(fd);
	ip_fields_request(fd, family);
	err = exclusive_connect(fd, &s->dst, &s->client, s->e->ctx->relay->binding.in);
	return err ? err : take_fd(&fd);
}

static bool has_room(struct session *s)
{
	struct udp_engine *e = s->e;

	if (!s->reply && reply_get(e->replies, &s->dst, &s->reply))
		return false;
	return e->direct_count < e->direct_max && !s->reply->raw &&
	       *directs_at(e, &s->dst) < e->direct_max_per_dst;
}

/* Takes over fd. */
static void direct_enter(struct direct *d, struct session *s, int fd)
{
	struct udp_engine *e = s->e;

	d->io = (struct io){ .fd = fd, .ready = direct_ready };
	d->e = e;
	d->s = s;
	d->client = s->client;
	d->dst = s->dst;
	d->timer.fire = direct_retired;
	++*directs_at(e, &s->dst);
	e->direct_count++;
	s->direct = d;
}

static int direct_open(struct session *s)
{
	__cleanup_free struct direct *d = calloc(1, sizeof(*d));
	int fd;

	if (!d)
		return -ENOMEM;
	if (!budget_take(&s->e->descriptors, 1, false))
		return -EMFILE;
	fd = connect_direct(s);
	if (fd < 0) {
		budget_return(&s->e->descriptors, 1);
		return fd;
	}
	TAILQ_INSERT_TAIL(&s->e->directs, d, link);
	direct_enter(take_ptr(d), s, fd);
	s->to_client.fields = (struct ip_fields){ 0 };
	return 0;
}

/* The other process has emptied the listeners before it read this socket: no older datagram waits. */
int direct_adopt(struct session *s, int *fd)
{
	struct direct *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	budget_force(&s->e->descriptors, 1);
	d->watched = true;
	TAILQ_INSERT_HEAD(&s->e->directs, d, link);
	direct_enter(d, s, take_fd(fd));
	return worker_watch(s->e->w, &d->io, EPOLLIN);
}

static void promote_session(struct session *s)
{
	int err;

	s->window_count = 0;
	if (s->direct || s->exported)
		return;
	session_expect_bulk(s);
	if (s->no_promotion || s->e->full_cone || !has_room(s))
		return;
	err = direct_open(s);
	/* A daemon of this host has the port and does not share it, or it takes a privilege. */
	s->no_promotion = err == -EADDRINUSE || err == -EACCES;
	if (err)
		return;
	s->e->ctx->stats.promotions++;
	session_set_timer(s);
}

/* To be called when the listeners are empty. */
static void start_reading(struct udp_engine *e)
{
	struct direct *d, *older;

	for (d = TAILQ_LAST(&e->directs, direct_queue); d && !d->watched; d = older) {
		older = TAILQ_PREV(d, direct_queue, link);
		d->watched = true;
		if (worker_watch(e->w, &d->io, EPOLLIN) && d->s)
			direct_demote(d->s);
	}
}

void direct_promote_waiting(struct udp_engine *e)
{
	struct session *s;

	if (TAILQ_EMPTY(&e->promotions))
		return;
	while ((s = TAILQ_FIRST(&e->promotions))) {
		TAILQ_REMOVE(&e->promotions, s, promotion);
		s->wants_promotion = false;
		promote_session(s);
	}
	engine_empty_listeners(e);
	start_reading(e);
}

void direct_count_datagrams(struct session *s, unsigned int n)
{
	struct udp_engine *e = s->e;

	s->window_count += n;
	if (s->direct || s->wants_promotion || (s->no_promotion && s->tuned))
		return;
	if (e->w->now - s->window > PROMOTE_WINDOW_MS) {
		s->window = e->w->now;
		s->window_count = n;
	}
	if (s->window_count < PROMOTE_AFTER && !e->keeping)
		return;
	s->wants_promotion = true;
	TAILQ_INSERT_TAIL(&e->promotions, s, promotion);
}

void direct_demote(struct session *s)
{
	struct direct *d = s->direct;

	if (!d || s->exported)
		return;
	s->direct = NULL;
	d->s = NULL;
	--*directs_at(s->e, &d->dst);
	d->e->retired_count++;
	if (!exclusive_leave(d->io.fd))
		timer_set(&d->e->w->wheel, &d->timer, d->e->w->now + RETIRE_MS);
	else
		direct_free(d);
}

void direct_leave(struct session *s)
{
	struct direct *d = s->direct;

	if (!d)
		return;
	s->direct = NULL;
	--*directs_at(s->e, &d->dst);
	worker_unwatch(s->e->w, d->io.fd);
	direct_free(d);
}

static struct direct *first_retired(const struct udp_engine *e)
{
	struct direct *d;

	TAILQ_FOREACH(d, &e->directs, link)
		if (!d->s)
			break;
	return d;
}

/* What it reads may begin flows, and these may make room: any socket of the list may go. */
void direct_empty_retired(struct udp_engine *e)
{
	struct direct *d;

	while (e->retired_count && (d = first_retired(e))) {
		direct_drain(d);
		direct_free(d);
	}
}

void direct_review(struct session *s)
{
	if (!s->direct)
		return;
	if (s->window_count < DEMOTE_BELOW && !s->e->ctx->draining && !s->e->keeping)
		direct_demote(s);
	s->window = s->e->w->now;
	s->window_count = 0;
}

/* Those that were busy last come first, since room may run out. Returns how many had none. */
static unsigned int promote_queue(struct idle_queue *queue, uint64_t idle_ms)
{
	unsigned int left = 0;
	struct session *s;

	TAILQ_FOREACH_REVERSE(s, &queue->sessions, session_queue, idle) {
		if (s->e->w->now - s->last >= idle_ms)
			continue;
		promote_session(s);
		left += !s->direct;
	}
	return left;
}

void direct_keep_busy(struct udp_engine *e)
{
	promote_queue(&e->answered, KEEP_MS);
	engine_empty_listeners(e);
	start_reading(e);
}

unsigned int direct_keep_all(struct udp_engine *e)
{
	unsigned int left = promote_queue(&e->answered, UINT64_MAX);

	left += promote_queue(&e->unanswered, UINT64_MAX);
	engine_empty_listeners(e);
	start_reading(e);
	return left;
}

void direct_demote_all(struct udp_engine *e)
{
	struct direct *d, *next;

	e->direct_max = 0;
	for (d = TAILQ_FIRST(&e->directs); d; d = next) {
		next = TAILQ_NEXT(d, link);
		if (d->s)
			direct_demote(d->s);
	}
}

void direct_close_all(struct udp_engine *e)
{
	struct direct *d;

	while ((d = TAILQ_FIRST(&e->directs)))
		direct_free(d);
}
