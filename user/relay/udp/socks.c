/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/udp/socks.h"

#include <string.h>
#include <sys/epoll.h>

#include "lib/util.h"
#include "relay/config/options.h"
#include "relay/net/sockopt.h"
#include "relay/upstream/socks5_udp.h"
#include "relay/udp/session.h"
#include "relay/upstream/upstream.h"

/* What waits for the server to agree; a client that sends more than that repeats itself. */
#define WAITING_MAX 16
#define WAITING_BYTES 65536

enum socks_state { SOCKS_GREETING, SOCKS_REQUEST, SOCKS_READY };

struct waiting {
	STAILQ_ENTRY(waiting) link;
	union saddr dst;
	size_t len;
	uint8_t data[];
};

struct udp_socks {
	struct io control; /* TCP: the association ends with it */
	struct free_later free_later;
	struct session *s;
	struct timer timer; /* until it is ready */
	enum socks_state state;
	union saddr server;
	size_t have; /* bytes in buf */
	uint8_t buf[SOCKS5_REPLY_MAX];
	unsigned int waiting_count;
	size_t waiting_bytes;
	STAILQ_HEAD(, waiting) waiting;
};

static int send_wrapped(int fd, const union saddr *dst, const void *data, size_t len)
{
	uint8_t header[SOCKS5_HEADER_MAX];
	struct iovec iov[] = { { header, socks5_udp_header(dst, header) }, { (void *)data, len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov) };

	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static bool keep(struct udp_socks *socks, const union saddr *dst, const struct iovec *one)
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

void udp_socks_send(struct udp_socks *socks, const union saddr *dst, struct udp_train *t)
{
	const struct iovec *one;

	while ((one = udp_train_next(t))) {
		bool taken =
			socks->state == SOCKS_READY ?
				!send_wrapped(socks->s->up.fd, dst, one->iov_base, one->iov_len) :
				keep(socks, dst, one);

		if (taken)
			udp_train_pass(t);
		else
			udp_train_skip(t);
	}
}

bool udp_socks_unwrap(struct udp_socks *socks, const union saddr *from, struct udp_run *run,
		      union saddr *ret_from)
{
	int header = socks5_udp_parse(run->data, run->len, ret_from);

	(void)from; /* the socket is connected */
	if (header < 0 || ret_from->sa.sa_family != socks->s->client.sa.sa_family)
		return false;
	run->data += header;
	run->len -= (size_t)header;
	return true;
}

static void release_waiting(struct udp_socks *socks)
{
	struct waiting *waiting;

	while ((waiting = STAILQ_FIRST(&socks->waiting))) {
		STAILQ_REMOVE_HEAD(&socks->waiting, link);
		if (socks->state != SOCKS_READY ||
		    send_wrapped(socks->s->up.fd, &waiting->dst, waiting->data, waiting->len))
			socks->s->e->ctx->stats.lost_datagrams++;
		free(waiting);
	}
	socks->waiting_count = 0;
	socks->waiting_bytes = 0;
}

/* The server has told where to send datagrams. */
static int open_association(struct udp_socks *socks)
{
	struct session *s = socks->s;
	union saddr to;
	struct upstream_want want;
	struct upstream up;
	int err = socks5_reply_parse(socks->buf, &to);

	if (err)
		return err;
	/* "The address you reached me at", as most servers answer. */
	if (to.sa.sa_family != socks->server.sa.sa_family ||
	    (to.sa.sa_family == AF_INET ? !to.v4.sin_addr.s_addr :
					  IN6_IS_ADDR_UNSPECIFIED(&to.v6.sin6_addr))) {
		uint16_t port = saddr_port(&to);

		to = socks->server;
		saddr_set_port(&to, port);
	}
	want = (struct upstream_want){ .type = SOCK_DGRAM,
				       .mode = SOURCE_OWN,
				       .client = &s->client,
				       .dst = &to,
				       .egress = &s->e->ctx->egress };
	err = upstream_open(&want, &up);
	if (err)
		return err;
	s->up = (struct io){ .fd = up.fd, .ready = session_ready };
	s->source = up.source;
	err = worker_watch(s->e->w, &s->up, EPOLLIN);
	if (err) {
		worker_close_io(&s->up);
		return err;
	}
	socks->state = SOCKS_READY;
	socks->have = 0;
	timer_cancel(&s->e->w->wheel, &socks->timer);
	release_waiting(socks);
	return 0;
}

static int send_control(struct udp_socks *socks, const void *data, size_t len)
{
	ssize_t n = send(socks->control.fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	/* A new connection takes a few bytes at once. */
	return n < 0 ? -errno : (size_t)n == len ? 0 : -EIO;
}

/* Works off what has been read. 0: wait for more, or -errno. */
static int advance(struct udp_socks *socks)
{
	uint8_t request[SOCKS5_HEADER_MAX];
	int len;

	if (socks->state == SOCKS_GREETING) {
		if (socks->have < 2)
			return 0;
		if (socks->buf[0] != 5 || socks->buf[1])
			return socks->buf[0] == 5 ? -EACCES : -EPROTO;
		socks->have -= 2;
		memmove(socks->buf, socks->buf + 2, socks->have);
		socks->state = SOCKS_REQUEST;
		return send_control(socks, request,
				    socks5_associate(socks->server.sa.sa_family, request));
	}
	len = socks5_reply_len(socks->buf, socks->have);
	if (len <= 0)
		return len;
	return (size_t)len <= socks->have ? open_association(socks) : 0;
}

static void control_ready(struct io *io, uint32_t events)
{
	struct udp_socks *socks = container_of(io, struct udp_socks, control);
	struct session *s = socks->s;
	ssize_t n = recv(io->fd, socks->buf + socks->have, sizeof(socks->buf) - socks->have,
			 MSG_DONTWAIT);
	int err;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && socks->state == SOCKS_READY)
		return; /* nothing is to come, and nothing is read into the buffer's end */
	err = n < 0 ? -errno : n ? 0 : -ECONNRESET;
	if (!err) {
		socks->have += (size_t)n;
		err = advance(socks);
	}
	if (err)
		session_finish(s, socks->state == SOCKS_READY ? END_ERROR : END_CONNECT_FAILED,
			       -err);
}

static void control_timeout(struct timer *timer)
{
	struct udp_socks *socks = container_of(timer, struct udp_socks, timer);

	session_finish(socks->s, END_CONNECT_TIMEOUT, ETIMEDOUT);
}

/* Once connected, the greeting goes out; from then on only answers matter. */
static void control_connected(struct io *io, uint32_t events)
{
	struct udp_socks *socks = container_of(io, struct udp_socks, control);
	int err = sockopt_error(io->fd);

	(void)events;
	if (!err)
		err = -send_control(socks, SOCKS5_GREETING, SOCKS5_GREETING_LEN);
	io->ready = control_ready;
	if (!err)
		err = -worker_rewatch(socks->s->e->w, io, EPOLLIN);
	if (err)
		session_finish(socks->s, END_CONNECT_FAILED, err);
}

int udp_socks_open(struct session *s)
{
	const struct options *o = s->e->ctx->relay->options;
	struct udp_socks *socks = calloc(1, sizeof(*socks));
	struct upstream_want want;
	struct upstream up;
	int err;

	if (!socks)
		return -ENOMEM;
	socks->s = s;
	socks->server = o->udp_upstream;
	socks->timer.fire = control_timeout;
	STAILQ_INIT(&socks->waiting);
	s->up.fd = -1;
	want = (struct upstream_want){ .type = SOCK_STREAM,
				       .mode = SOURCE_OWN,
				       .client = &s->client,
				       .dst = &socks->server,
				       .egress = &s->e->ctx->egress };
	err = upstream_open(&want, &up);
	if (err) {
		free(socks);
		return err;
	}
	socks->control = (struct io){ .fd = up.fd, .ready = control_connected };
	err = worker_watch(s->e->w, &socks->control, EPOLLOUT);
	if (err) {
		worker_close_io(&socks->control);
		free(socks);
		return err;
	}
	timer_set(&s->e->w->wheel, &socks->timer, s->e->w->now + o->connect_timeout * 1000ULL);
	s->socks = socks;
	return 0;
}

void udp_socks_close(struct udp_socks *socks)
{
	if (!socks)
		return;
	release_waiting(socks);
	timer_cancel(&socks->s->e->w->wheel, &socks->timer);
	worker_close_io(&socks->control);
	worker_free_later(socks->s->e->w, &socks->free_later, socks);
}
