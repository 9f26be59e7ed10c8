/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/upstream/handshake.h"

#include "lib/util.h"
#include "relay/upstream/httpconnect.h"
#include "relay/upstream/proxyproto.h"
#include "relay/upstream/socks5.h"

#define PEEK_SIZE 512

_Static_assert(HTTPCONNECT_OUT_MAX >= SOCKS5_OUT_MAX && HTTPCONNECT_OUT_MAX >= PROXYPROTO_MAX,
	       "one buffer for all");

struct handshake {
	const struct options *o;
	union saddr client;
	union saddr dst;
	bool tunnel; /* there is nothing more to hear from a proxy */
	int err;
	union {
		struct socks5 socks;
		struct httpconnect http;
	};
	size_t out_off, out_len; /* still to send */
	uint8_t out[HTTPCONNECT_OUT_MAX];
};

/* The proxy has done its part, or there is none. */
static void tunnel_open(struct handshake *p)
{
	p->tunnel = true;
	if (p->o->proxy_protocol)
		p->out_len = proxyproto_format(p->o->proxy_protocol, &p->client, &p->dst, p->out);
}

int handshake_new(const struct options *o, const union saddr *client, const union saddr *dst,
		  struct handshake **ret_preface)
{
	struct handshake *p;

	*ret_preface = NULL;
	if (o->proxy.kind == PROXY_NONE && !o->proxy_protocol)
		return 0;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->o = o;
	p->client = *client;
	p->dst = *dst;
	switch (o->proxy.kind) {
	case PROXY_SOCKS5:
		p->out_len = socks5_begin(&p->socks, &o->proxy, dst, p->out);
		break;
	case PROXY_HTTP:
		p->out_len = httpconnect_begin(&p->http, &o->proxy, dst, p->out);
		break;
	case PROXY_NONE:
		tunnel_open(p);
	}
	*ret_preface = p;
	return 0;
}

static enum handshake_result handshake_fail(struct handshake *p, int err)
{
	p->err = err;
	return HANDSHAKE_FAILED;
}

/* HANDSHAKE_DONE: everything is out. */
static enum handshake_result handshake_send(struct handshake *p, int fd)
{
	while (p->out_len) {
		ssize_t n = send(fd, p->out + p->out_off, p->out_len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? HANDSHAKE_WAIT : handshake_fail(p, errno);
		p->out_off += (size_t)n;
		p->out_len -= (size_t)n;
	}
	p->out_off = 0;
	return HANDSHAKE_DONE;
}

/* One byte of the proxy's; 1: it was the last one. */
static int handshake_take(struct handshake *p, uint8_t byte)
{
	if (p->o->proxy.kind == PROXY_SOCKS5)
		return socks5_take(&p->socks, byte, p->out, &p->out_len);
	return httpconnect_take(&p->http, byte);
}

/* Removes from the socket what is the proxy's, and no more. */
static enum handshake_result handshake_receive(struct handshake *p, int fd)
{
	uint8_t buf[PEEK_SIZE];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_PEEK);
	size_t used = 0;
	int r = 0;

	if (n < 0 && errno == EINTR)
		return HANDSHAKE_DONE;
	if (n < 0)
		return errno == EAGAIN ? HANDSHAKE_WAIT : handshake_fail(p, errno);
	if (!n)
		return handshake_fail(p, ECONNRESET);
	while (used < (size_t)n && !r && !p->out_len)
		r = handshake_take(p, buf[used++]);
	if (recv(fd, buf, used, 0) != (ssize_t)used)
		return handshake_fail(p, EPROTO);
	if (r < 0)
		return handshake_fail(p, -r);
	if (r)
		tunnel_open(p);
	return HANDSHAKE_DONE;
}

enum handshake_result handshake_run(struct handshake *p, int fd)
{
	for (;;) {
		enum handshake_result r = handshake_send(p, fd);

		if (r != HANDSHAKE_DONE || p->tunnel)
			return r;
		r = handshake_receive(p, fd);
		if (r != HANDSHAKE_DONE)
			return r;
	}
}

int handshake_error(const struct handshake *p)
{
	return p->err;
}

void handshake_free(struct handshake *p)
{
	free(p);
}
