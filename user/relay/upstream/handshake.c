/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/upstream/handshake.h"

#include "lib/util.h"
#include "relay/upstream/httpconnect.h"
#include "relay/upstream/proxyproto.h"
#include "relay/upstream/socks5.h"

#define PEEK_SIZE 512

_Static_assert(HTTPCONNECT_OUT_MAX >= SOCKS_OUT_MAX && HTTPCONNECT_OUT_MAX >= PROXYPROTO_MAX,
	       "one buffer for all");

struct preface {
	const struct options *o;
	union saddr client;
	union saddr dst;
	bool tunnel; /* there is nothing more to hear from a proxy */
	int err;
	union {
		struct socks socks;
		struct httpconnect http;
	};
	size_t out_off, out_len; /* still to send */
	uint8_t out[HTTPCONNECT_OUT_MAX];
};

/* The proxy has done its part, or there is none. */
static void tunnel_open(struct preface *p)
{
	p->tunnel = true;
	if (p->o->proxy_protocol)
		p->out_len = proxyproto_format(p->o->proxy_protocol, &p->client, &p->dst, p->out);
}

int preface_new(const struct options *o, const union saddr *client, const union saddr *dst,
		struct preface **ret_preface)
{
	struct preface *p;

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
		p->out_len = socks_begin(&p->socks, &o->proxy, dst, p->out);
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

static enum preface_result preface_fail(struct preface *p, int err)
{
	p->err = err;
	return PREFACE_FAILED;
}

/* PREFACE_DONE: everything is out. */
static enum preface_result preface_send(struct preface *p, int fd)
{
	while (p->out_len) {
		ssize_t n = send(fd, p->out + p->out_off, p->out_len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? PREFACE_WAIT : preface_fail(p, errno);
		p->out_off += (size_t)n;
		p->out_len -= (size_t)n;
	}
	p->out_off = 0;
	return PREFACE_DONE;
}

/* One byte of the proxy's; 1: it was the last one. */
static int preface_take(struct preface *p, uint8_t byte)
{
	if (p->o->proxy.kind == PROXY_SOCKS5)
		return socks_take(&p->socks, byte, p->out, &p->out_len);
	return httpconnect_take(&p->http, byte);
}

/* Removes from the socket what is the proxy's, and no more. */
static enum preface_result preface_receive(struct preface *p, int fd)
{
	uint8_t buf[PEEK_SIZE];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_PEEK);
	size_t used = 0;
	int r = 0;

	if (n < 0 && errno == EINTR)
		return PREFACE_DONE;
	if (n < 0)
		return errno == EAGAIN ? PREFACE_WAIT : preface_fail(p, errno);
	if (!n)
		return preface_fail(p, ECONNRESET);
	while (used < (size_t)n && !r && !p->out_len)
		r = preface_take(p, buf[used++]);
	if (recv(fd, buf, used, 0) != (ssize_t)used)
		return preface_fail(p, EPROTO);
	if (r < 0)
		return preface_fail(p, -r);
	if (r)
		tunnel_open(p);
	return PREFACE_DONE;
}

enum preface_result preface_run(struct preface *p, int fd)
{
	for (;;) {
		enum preface_result r = preface_send(p, fd);

		if (r != PREFACE_DONE || p->tunnel)
			return r;
		r = preface_receive(p, fd);
		if (r != PREFACE_DONE)
			return r;
	}
}

int preface_error(const struct preface *p)
{
	return p->err;
}

void preface_free(struct preface *p)
{
	free(p);
}
