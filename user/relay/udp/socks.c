/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/udp/socks.h"

#include <string.h>
#include <sys/epoll.h>

#include "lib/util.h"
#include "relay/config/options.h"
#include "relay/net/sockopt.h"
#include "relay/udp/session.h"
#include "relay/upstream/health.h"
#include "relay/upstream/socks5.h"
#include "relay/upstream/upstream.h"

/* Of datagrams that wait until the server agrees; clients repeat what gets lost beyond that. */
#define WAITING_MAX 16
#define WAITING_BYTES 65536

struct waiting {
	STAILQ_ENTRY(waiting) link;
	union saddr dst;
	size_t len;
	uint8_t data[];
};

struct socks {
	struct io control; /* TCP: the association ends with it */
	struct free_later free_later;
	struct session *s;
	struct timer timer; /* of the handshake */
	struct proxy proxy; /* a copy: new settings may come */
	struct socks5 handshake;
	bool ready; /* the server agreed; datagrams go to s->up */
	unsigned int waiting_count;
	size_t waiting_bytes;
	STAILQ_HEAD(, waiting) waiting;
};

static int send_wrapped(int fd, const union saddr *dst, const void *data, size_t len)
{
	uint8_t header[SOCKS5_HEADER_MAX];
	struct iovec iov[] = { { header, socks5_header(dst, header) }, { (void *)data, len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov) };

	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static bool keep_datagram(struct socks *socks, const union saddr *dst, const struct iovec *one)
{
	struct waiting *waiting;

	if (socks->waiting_count == WAITING_MAX ||
	    socks->waiting_bytes + one->iov_len > WAITING_BYTES)
		return false;
	waiting = malloc(sizeof(*waiting) + one->iov_len);
	if (!waiting)
		return false;
	waiting->dst = *dst;
	waiting->len = one->iov_len;
	memcpy(waiting->data, one->iov_base, one->iov_len);
	STAILQ_INSERT_TAIL(&socks->waiting, waiting, link);
	socks->waiting_count++;
	socks->waiting_bytes += waiting->len;
	return true;
}

void socks_send(struct socks *socks, const union saddr *dst, struct train *t)
{
	const struct iovec *one;

	while ((one = train_next(t))) {
		bool taken = socks->ready ? !send_wrapped(socks->s->up.fd, dst, one->iov_base,
							  one->iov_len) :
					    keep_datagram(socks, dst, one);

		if (taken)
			train_pass(t);
		else
			train_skip(t);
	}
}

bool socks_unwrap(const struct socks *socks, struct run *run, union saddr *ret_from)
{
	int header = socks5_header_read(run->data, run->len, ret_from);

	if (header < 0 || ret_from->sa.sa_family != socks->s->client.sa.sa_family)
		return false;
	run->data += header;
	run->len -= (size_t)header;
	return true;
}

static void release_waiting(struct socks *socks)
{
	struct waiting *waiting;

	while ((waiting = STAILQ_FIRST(&socks->waiting))) {
		STAILQ_REMOVE_HEAD(&socks->waiting, link);
		if (!socks->ready ||
		    send_wrapped(socks->s->up.fd, &waiting->dst, waiting->data, waiting->len))
			socks->s->e->ctx->stats.lost_datagrams++;
		free(waiting);
	}
	socks->waiting_count = 0;
	socks->waiting_bytes = 0;
}

static struct egress *egress_of(const struct session *s)
{
	return session_egress(s->e, &s->client, &s->to);
}

static bool is_unspecified(const union saddr *a)
{
	return a->sa.sa_family == AF_INET ? !a->v4.sin_addr.s_addr :
					    IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
}

/*
 * Where the server wants datagrams. Most servers answer with an unspecified address, which means
 * the one that they were reached at.
 */
static union saddr relay_address(const struct socks5 *handshake)
{
	const union saddr *bound = &handshake->bound;
	union saddr server = handshake->proxy->addr;

	if (bound->sa.sa_family == server.sa.sa_family && !is_unspecified(bound))
		return *bound;
	saddr_set_port(&server, saddr_port(bound));
	return server;
}

/* The server agreed. 0 or -errno. */
static int open_association(struct socks *socks)
{
	struct session *s = socks->s;
	const union saddr to = relay_address(&socks->handshake);
	const struct upstream_want want = { .type = SOCK_DGRAM,
					    .outlet = &egress_of(s)->outlet,
					    .client = &s->client,
					    .dst = &to,
					    .devices = &s->e->ctx->devices };
	struct upstream up;
	int err = socks->handshake.bound.sa.sa_family ? upstream_open(&want, &up) : -EPROTO;

	if (err)
		return err;
	s->up = (struct io){ .fd = up.fd, .ready = session_ready };
	s->source = up.source;
	err = worker_watch(s->e->w, &s->up, EPOLLIN);
	if (err) {
		worker_close_io(&s->up);
		return err;
	}
	socks->ready = true;
	timer_cancel(&s->e->w->wheel, &socks->timer);
	release_waiting(socks);
	return 0;
}

static int send_control(struct socks *socks, const void *data, size_t len)
{
	ssize_t n = send(socks->control.fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	/* The handshake fits into the send buffer of a new connection. */
	return n < 0 ? -errno : (size_t)n == len ? 0 : -EIO;
}

/* Gives bytes of the server to the handshake. 0: wait for more, or -errno. */
static int take_bytes(struct socks *socks, const uint8_t *data, size_t len)
{
	uint8_t out[SOCKS5_OUT_MAX];
	int err = 0;

	/* Once it is ready, a server has nothing more to say here. */
	for (size_t i = 0; i < len && !err && !socks->ready; i++) {
		size_t out_len;
		int r = socks5_take(&socks->handshake, data[i], out, &out_len);

		if (r < 0)
			return r;
		if (out_len)
			err = send_control(socks, out, out_len);
		if (r)
			err = open_association(socks);
	}
	return err;
}

static void control_ready(struct io *io, uint32_t events)
{
	struct socks *socks = container_of(io, struct socks, control);
	uint8_t data[SOCKS5_OUT_MAX];
	ssize_t n = recv(io->fd, data, sizeof(data), MSG_DONTWAIT);
	int err;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	err = n < 0 ? -errno : n ? take_bytes(socks, data, (size_t)n) : -ECONNRESET;
	if (err)
		session_finish(socks->s, socks->ready ? END_ERROR : END_CONNECT_FAILED, -err);
}

static void control_connected(struct io *io, uint32_t events)
{
	struct socks *socks = container_of(io, struct socks, control);
	struct session *s = socks->s;
	uint8_t out[SOCKS5_OUT_MAX];
	size_t len = socks5_associate(&socks->handshake, &socks->proxy, out);
	int err = sockopt_error(io->fd);

	(void)events;
	if (!err)
		err = -send_control(socks, out, len);
	if (err)
		health_failed(egress_of(s), &socks->proxy, err, s->e->w->now);
	else
		health_works(egress_of(s), &socks->proxy);
	io->ready = control_ready;
	if (!err)
		err = -worker_rewatch(s->e->w, io, EPOLLIN);
	if (err)
		session_finish(s, END_CONNECT_FAILED, err);
}

static void control_timeout(struct timer *timer)
{
	struct socks *socks = container_of(timer, struct socks, timer);
	struct session *s = socks->s;

	/* Nor does a proxy work that does not even accept. */
	if (socks->control.ready == control_connected)
		health_failed(egress_of(s), &socks->proxy, ETIMEDOUT, s->e->w->now);
	session_finish(s, END_CONNECT_TIMEOUT, ETIMEDOUT);
}

/* The connection to the server. 0 or -errno. */
static int open_control(struct socks *socks)
{
	struct worker *w = socks->s->e->w;
	struct engine_context *ctx = socks->s->e->ctx;
	const struct upstream_want want = { .type = SOCK_STREAM,
					    .outlet = &egress_of(socks->s)->outlet,
					    .client = &socks->s->client,
					    .dst = &socks->proxy.addr,
					    .devices = &ctx->devices };
	struct upstream up;
	int err = upstream_open(&want, &up);

	if (err) {
		health_failed(egress_of(socks->s), &socks->proxy, -err, w->now);
		return err;
	}
	socks->control = (struct io){ .fd = up.fd, .ready = control_connected };
	err = worker_watch(w, &socks->control, EPOLLOUT);
	if (err)
		worker_close_io(&socks->control);
	return err;
}

int socks_open(struct session *s, const struct proxy *proxy)
{
	__cleanup_free struct socks *socks = calloc(1, sizeof(*socks));
	struct worker *w = s->e->w;
	int err;

	if (!socks)
		return -ENOMEM;
	socks->s = s;
	socks->proxy = *proxy;
	socks->timer.fire = control_timeout;
	STAILQ_INIT(&socks->waiting);
	s->up.fd = -1;
	err = open_control(socks);
	if (err)
		return err;
	timer_set(&w->wheel, &socks->timer,
		  w->now + s->e->ctx->relay->options->connect_timeout * 1000ULL);
	s->socks = take_ptr(socks);
	/* Of its control connection; the session has room for itself. */
	budget_force(&s->e->descriptors, 1);
	return 0;
}

int socks_control(const struct socks *socks)
{
	return socks->ready ? socks->control.fd : -1;
}

int socks_adopt(struct session *s, int *control)
{
	struct socks *socks = calloc(1, sizeof(*socks));

	if (!socks)
		return -ENOMEM;
	socks->s = s;
	socks->ready = true;
	socks->timer.fire = control_timeout;
	STAILQ_INIT(&socks->waiting);
	socks->control = (struct io){ .fd = take_fd(control), .ready = control_ready };
	s->socks = socks;
	budget_force(&s->e->descriptors, 1);
	return worker_watch(s->e->w, &socks->control, EPOLLIN);
}

void socks_close(struct socks *socks)
{
	if (!socks)
		return;
	release_waiting(socks);
	budget_return(&socks->s->e->descriptors, 1);
	timer_cancel(&socks->s->e->w->wheel, &socks->timer);
	worker_close_io(&socks->control);
	worker_free_later(socks->s->e->w, &socks->free_later, socks);
}
