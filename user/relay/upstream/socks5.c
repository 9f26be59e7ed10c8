/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/upstream/socks5.h"

#include <errno.h>
#include <string.h>

#include "lib/util.h"

#define VERSION 5
#define METHOD_NONE 0
#define METHOD_PASSWORD 2
#define AUTH_VERSION 1
#define COMMAND_CONNECT 1
#define ADDRESS_IPV4 1
#define ADDRESS_NAME 3
#define ADDRESS_IPV6 4

size_t socks5_begin(struct socks5 *s, const struct proxy *proxy, const union saddr *dst,
		    uint8_t *out)
{
	*s = (struct socks5){ .proxy = proxy, .dst = *dst, .stage = SOCKS5_METHOD };
	out[0] = VERSION;
	out[1] = 1; /* number of methods */
	/* Only the one: a server that asks for none would not know whom it serves. */
	out[2] = proxy->user[0] ? METHOD_PASSWORD : METHOD_NONE;
	return 3;
}

static size_t format_auth(const struct proxy *p, uint8_t *out)
{
	size_t user = strlen(p->user), pass = strlen(p->pass);

	out[0] = AUTH_VERSION;
	out[1] = (uint8_t)user;
	memcpy(out + 2, p->user, user);
	out[2 + user] = (uint8_t)pass;
	memcpy(out + 3 + user, p->pass, pass);
	return 3 + user + pass;
}

static size_t format_request(const union saddr *dst, uint8_t *out)
{
	bool v4 = dst->sa.sa_family == AF_INET;
	size_t len = v4 ? 4 : 16;
	const void *addr = v4 ? (const void *)&dst->v4.sin_addr : &dst->v6.sin6_addr;

	out[0] = VERSION;
	out[1] = COMMAND_CONNECT;
	out[2] = 0;
	out[3] = v4 ? ADDRESS_IPV4 : ADDRESS_IPV6;
	memcpy(out + 4, addr, len);
	memcpy(out + 4 + len, v4 ? &dst->v4.sin_port : &dst->v6.sin6_port, 2);
	return 6 + len;
}

/* RFC 1928 section 6. */
static int reply_error(uint8_t reply)
{
	static const int errors[] = { 0,           EIO,          EACCES,
				      ENETUNREACH, EHOSTUNREACH, ECONNREFUSED,
				      ETIMEDOUT,   EOPNOTSUPP,   EAFNOSUPPORT };

	return reply < ARRAY_SIZE(errors) ? errors[reply] : EPROTO;
}

static int take_method(struct socks5 *s, uint8_t *out, size_t *ret_len)
{
	if (s->in[0] != VERSION)
		return -EPROTO;
	if (s->in[1] != (s->proxy->user[0] ? METHOD_PASSWORD : METHOD_NONE))
		return -EACCES;
	if (s->proxy->user[0]) {
		s->stage = SOCKS5_AUTH;
		*ret_len = format_auth(s->proxy, out);
	} else {
		s->stage = SOCKS5_REPLY;
		*ret_len = format_request(&s->dst, out);
	}
	return 0;
}

static int take_auth(struct socks5 *s, uint8_t *out, size_t *ret_len)
{
	if (s->in[0] != AUTH_VERSION)
		return -EPROTO;
	if (s->in[1])
		return -EACCES;
	s->stage = SOCKS5_REPLY;
	*ret_len = format_request(&s->dst, out);
	return 0;
}

/* Length of the message under way, or the part of it that tells; 0: no such message. */
static size_t wanted(const struct socks5 *s)
{
	if (s->stage != SOCKS5_REPLY)
		return 2;
	if (s->in_len < 5)
		return 5;
	switch (s->in[3]) {
	case ADDRESS_IPV4:
		return 6 + 4;
	case ADDRESS_IPV6:
		return 6 + 16;
	case ADDRESS_NAME:
		return 7u + s->in[4];
	default:
		return 0;
	}
}

int socks5_take(struct socks5 *s, uint8_t byte, uint8_t *out, size_t *ret_len)
{
	size_t want;

	*ret_len = 0;
	s->in[s->in_len++] = byte;
	/* A refusal may come without the address that should follow. */
	if (s->stage == SOCKS5_REPLY && s->in_len == 2) {
		if (s->in[0] != VERSION)
			return -EPROTO;
		if (s->in[1])
			return -reply_error(s->in[1]);
	}
	want = wanted(s);
	if (!want)
		return -EPROTO;
	if (s->in_len < want)
		return 0;
	s->in_len = 0;
	if (s->stage == SOCKS5_METHOD)
		return take_method(s, out, ret_len);
	return s->stage == SOCKS5_AUTH ? take_auth(s, out, ret_len) : 1;
}
