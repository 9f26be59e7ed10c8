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
	struct proxy proxy; /* a copy: new settings may come meanwhile */
	unsigned int proxy_protocol;
	union saddr client;
	union saddr dst;
	bool tunnel; /* no proxy has more to answer */
	int err;
	union {
		struct socks5 socks;
		struct httpconnect http;
	};
	size_t out_off, out_len; /* still to send */
	uint8_t out[HTTPCONNECT_OUT_MAX];
};

/* The proxy has done its part, or there is none. */
static void tunnel_open(struct handshake *h)
{
	h->tunnel = true;
	if (h->proxy_protocol)
		h->out_len = proxyproto_format(h->proxy_protocol, &h->client, &h->dst, h->out);
}

static void begin(struct handshake *h)
{
	switch (h->proxy.kind) {
	case PROXY_SOCKS5:
		h->out_len = socks5_connect(&h->socks, &h->proxy, &h->dst, h->out);
		break;
	case PROXY_HTTP:
		h->out_len = httpconnect_begin(&h->http, &h->proxy, &h->dst, h->out);
		break;
	case PROXY_NONE:
		tunnel_open(h);
		break;
	}
}

int handshake_new(const struct handshake_want *want, struct handshake **ret_handshake)
{
	struct handshake *h = NULL;

	if (want->proxy->kind != PROXY_NONE || want->proxy_protocol) {
		h = calloc(1, sizeof(*h));
		if (!h)
			return -ENOMEM;
		h->proxy = *want->proxy;
		h->proxy_protocol = want->proxy_protocol;
		h->client = *want->client;
		h->dst = *want->dst;
		begin(h);
	}
	*ret_handshake = h;
	return 0;
}

static enum handshake_result handshake_fail(struct handshake *h, int err)
{
	h->err = err;
	return HANDSHAKE_FAILED;
}

/* HANDSHAKE_DONE: everything is out. */
static enum handshake_result handshake_send(struct handshake *h, int fd)
{
	while (h->out_len) {
		ssize_t n = send(fd, h->out + h->out_off, h->out_len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? HANDSHAKE_WAIT : handshake_fail(h, errno);
		h->out_off += (size_t)n;
		h->out_len -= (size_t)n;
	}
	h->out_off = 0;
	return HANDSHAKE_DONE;
}

/* One byte that the proxy sent; 1: it was the last one. */
static int handshake_take(struct handshake *h, uint8_t byte)
{
	if (h->proxy.kind == PROXY_SOCKS5)
		return socks5_take(&h->socks, byte, h->out, &h->out_len);
	return httpconnect_take(&h->http, byte);
}

/* Removes from the socket what the proxy sent, and nothing that follows. */
static enum handshake_result handshake_receive(struct handshake *h, int fd)
{
	uint8_t buf[PEEK_SIZE];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_PEEK);
	size_t used = 0;
	int r = 0;

	if (n < 0 && errno == EINTR)
		return HANDSHAKE_DONE;
	if (n < 0)
		return errno == EAGAIN ? HANDSHAKE_WAIT : handshake_fail(h, errno);
	if (!n)
		return handshake_fail(h, ECONNRESET);
	while (used < (size_t)n && !r && !h->out_len)
		r = handshake_take(h, buf[used++]);
	if (recv(fd, buf, used, 0) != (ssize_t)used)
		return handshake_fail(h, EPROTO);
	if (r < 0)
		return handshake_fail(h, -r);
	if (r)
		tunnel_open(h);
	return HANDSHAKE_DONE;
}

enum handshake_result handshake_run(struct handshake *h, int fd)
{
	for (;;) {
		enum handshake_result r = handshake_send(h, fd);

		if (r != HANDSHAKE_DONE || h->tunnel)
			return r;
		r = handshake_receive(h, fd);
		if (r != HANDSHAKE_DONE)
			return r;
	}
}

int handshake_error(const struct handshake *h)
{
	return h->err;
}

const struct proxy *handshake_proxy(const struct handshake *h)
{
	return h && h->proxy.kind != PROXY_NONE ? &h->proxy : NULL;
}

void handshake_free(struct handshake *h)
{
	free(h);
}
