/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/upstream/checker.h"

#include <string.h>
#include <sys/epoll.h>

#include "lib/util.h"
#include "relay/log/record.h"
#include "relay/net/sockopt.h"
#include "relay/upstream/greeting.h"
#include "relay/upstream/upstream.h"

/* One upstream of one egress. */
struct probe {
	struct io io;
	struct timer timer; /* of the check that is under way, or until the next one */
	struct checker *checker;
	struct egress *egress;
	const struct proxy *proxy;
	struct greeting greeting;
};

struct checker_set {
	struct free_later free_later;
	size_t count;
	struct probe probes[];
};

/* ---- one check ---------------------------------------------------------- */

static void begin(struct timer *timer);

/* err: positive errno, or 0. */
static void finish(struct probe *p, int err)
{
	struct worker *w = p->checker->worker;

	worker_close_io(&p->io);
	if (err)
		health_failed(p->egress, p->proxy, err, w->now);
	else
		health_works(p->egress, p->proxy);
	p->timer.fire = begin;
	timer_set(&w->wheel, &p->timer, w->now + p->egress->upstreams.check * 1000ULL);
}

static void expired(struct timer *timer)
{
	finish(container_of(timer, struct probe, timer), ETIMEDOUT);
}

/* 0 or a positive errno. */
static int send_all(struct probe *p, const uint8_t *data, size_t len)
{
	ssize_t n = send(p->io.fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	/* It fits into the send buffer of a new connection. */
	return n < 0 ? errno : (size_t)n == len ? 0 : EIO;
}

/* Returns as greeting_take. */
static int take(struct probe *p, const uint8_t *data, size_t len)
{
	uint8_t out[GREETING_OUT_MAX];
	int r = 0;

	for (size_t i = 0; i < len && !r; i++) {
		size_t out_len;

		r = greeting_take(&p->greeting, data[i], out, &out_len);
		if (!r && out_len)
			r = -send_all(p, out, out_len);
	}
	return r;
}

static void answered(struct io *io, uint32_t events)
{
	struct probe *p = container_of(io, struct probe, io);
	uint8_t data[256];
	ssize_t n = recv(io->fd, data, sizeof(data), MSG_DONTWAIT);
	int r;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	r = n < 0 ? -errno : n ? take(p, data, (size_t)n) : -ECONNRESET;
	if (r)
		finish(p, r < 0 ? -r : 0);
}

static void connected(struct io *io, uint32_t events)
{
	struct probe *p = container_of(io, struct probe, io);
	uint8_t out[GREETING_OUT_MAX];
	size_t len = greeting_begin(&p->greeting, p->proxy, out);
	int err = sockopt_error(io->fd);

	(void)events;
	if (!err)
		err = send_all(p, out, len);
	io->ready = answered;
	if (!err)
		err = -worker_rewatch(p->checker->worker, io, EPOLLIN);
	if (err)
		finish(p, err);
}

static void begin(struct timer *timer)
{
	struct probe *p = container_of(timer, struct probe, timer);
	struct checker *c = p->checker;
	const struct upstream_want want = { .type = SOCK_STREAM,
					    .outlet = &p->egress->outlet,
					    .dst = &p->proxy->addr,
					    .devices = c->devices };
	struct upstream up;
	int err = upstream_open(&want, &up);

	if (!err) {
		p->io = (struct io){ .fd = up.fd, .ready = connected };
		err = worker_watch(c->worker, &p->io, EPOLLOUT);
	}
	if (err) {
		finish(p, -err);
		return;
	}
	timer->fire = expired;
	timer_set(&c->worker->wheel, timer, c->worker->now + c->timeout_ms);
}

/* ---- all of them -------------------------------------------------------- */

static size_t count_of(const struct egress *egress)
{
	size_t n = 0;

	for (unsigned int i = 0; i < egress->upstreams.count; i++)
		n += egress->upstreams.check && egress->upstreams.items[i].proxy.kind != PROXY_NONE;
	return n;
}

static size_t count_all(const struct egress_list *list)
{
	size_t n = count_of(&list->other);

	for (size_t i = 0; i < list->count; i++)
		n += count_of(&list->items[i]);
	return n;
}

/* Proxies come first in the list of an egress, and direct last. */
static void add_probes(struct checker *c, struct egress *egress)
{
	size_t n = count_of(egress);

	for (size_t i = 0; i < n; i++) {
		struct probe *p = &c->set->probes[c->set->count++];

		p->io.fd = -1;
		p->checker = c;
		p->egress = egress;
		p->proxy = &egress->upstreams.items[i].proxy;
		p->timer.fire = begin;
		timer_set(&c->worker->wheel, &p->timer, c->worker->now);
	}
}

/* Events of this turn may still point to its probes. */
static void drop_set(struct checker *c)
{
	for (size_t i = 0; c->set && i < c->set->count; i++) {
		timer_cancel(&c->worker->wheel, &c->set->probes[i].timer);
		worker_close_io(&c->set->probes[i].io);
	}
	if (c->set)
		worker_free_later(c->worker, &c->set->free_later, c->set);
	c->set = NULL;
}

void checker_use(struct checker *c, struct egress_list *list)
{
	size_t n;

	if (c->list == list)
		return;
	drop_set(c);
	c->list = list;
	n = count_all(list);
	if (!n)
		return;
	c->set = calloc(1, sizeof(*c->set) + n * sizeof(c->set->probes[0]));
	if (!c->set) {
		record_say(RECORD_ERROR, "upstreams: not checked: out of memory (reload later)");
		return;
	}
	add_probes(c, &list->other);
	for (size_t i = 0; i < list->count; i++)
		add_probes(c, &list->items[i]);
}

void checker_close(struct checker *c)
{
	if (c->worker)
		drop_set(c);
	c->list = NULL;
}
