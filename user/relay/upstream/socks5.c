/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/upstream/socks5.h"

#include <errno.h>
#include <string.h>

#include "lib/util.h"

#define VERSION 5
#define METHOD_NONE 0
#define METHOD_PASSWORD 2
#define AUTH_VERSION 1
#define ADDRESS_IPV4 1
#define ADDRESS_NAME 3
#define ADDRESS_IPV6 4

/* ---- addresses: ATYP, address, port ------------------------------------- */

static size_t put_address(const union saddr *a, uint8_t *out)
{
	bool v4 = a->sa.sa_family == AF_INET;
	size_t len = v4 ? 4 : 16;
	const void *addr = v4 ? (const void *)&a->v4.sin_addr : &a->v6.sin6_addr;

	out[0] = v4 ? ADDRESS_IPV4 : ADDRESS_IPV6;
	memcpy(out + 1, addr, len);
	memcpy(out + 1 + len, v4 ? &a->v4.sin_port : &a->v6.sin6_port, 2);
	return 1 + len + 2;
}

/* The length of what begins at data, as far as 2 bytes show it; 0: there is no such type. */
static size_t address_len(const uint8_t *data)
{
	switch (data[0]) {
	case ADDRESS_IPV4:
		return 1 + 4 + 2;
	case ADDRESS_IPV6:
		return 1 + 16 + 2;
	case ADDRESS_NAME:
		return 1 + 1 + (size_t)data[1] + 2;
	default:
		return 0;
	}
}

/* All of its bytes are there. A name has no address, since we do not resolve any: family 0. */
static union saddr get_address(const uint8_t *data)
{
	size_t len = address_len(data);
	uint16_t port = (uint16_t)(data[len - 2] << 8 | data[len - 1]);

	if (data[0] == ADDRESS_NAME)
		return (union saddr){ .sa.sa_family = AF_UNSPEC };
	return saddr_from(data[0] == ADDRESS_IPV4 ? AF_INET : AF_INET6, data + 1, port);
}

/* ---- greeting, authentication, request ---------------------------------- */

static size_t put_greeting(struct socks5 *s, uint8_t *out)
{
	s->stage = SOCKS5_METHOD;
	out[0] = VERSION;
	out[1] = 1; /* number of methods */
	/* One only: with a password, a server that accepts us without it is refused. */
	out[2] = s->proxy->user[0] ? METHOD_PASSWORD : METHOD_NONE;
	return 3;
}

size_t socks5_connect(struct socks5 *s, const struct proxy *proxy, const union saddr *dst,
		      uint8_t *out)
{
	*s = (struct socks5){ .proxy = proxy, .command = SOCKS5_CONNECT, .dst = *dst };
	return put_greeting(s, out);
}

size_t socks5_associate(struct socks5 *s, const struct proxy *proxy, uint8_t *out)
{
	*s = (struct socks5){ .proxy = proxy, .command = SOCKS5_UDP_ASSOCIATE };
	s->dst.sa.sa_family = proxy->addr.sa.sa_family;
	return put_greeting(s, out);
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

static size_t format_request(const struct socks5 *s, uint8_t *out)
{
	out[0] = VERSION;
	out[1] = (uint8_t)s->command;
	out[2] = 0;
	return 3 + put_address(&s->dst, out + 3);
}

/* ---- replies ------------------------------------------------------------ */

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
		*ret_len = format_request(s, out);
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
	*ret_len = format_request(s, out);
	return 0;
}

static int take_reply(struct socks5 *s)
{
	s->bound = get_address(s->in + 3);
	return 1;
}

/* Length of the current message, or of the part that shows it; 0: no such message. */
static size_t message_len(const struct socks5 *s)
{
	size_t len;

	if (s->stage != SOCKS5_REPLY)
		return 2;
	if (s->in_len < 5)
		return 5;
	len = address_len(s->in + 3);
	return len ? 3 + len : 0;
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
	want = message_len(s);
	if (!want)
		return -EPROTO;
	if (s->in_len < want)
		return 0;
	s->in_len = 0;
	if (s->stage == SOCKS5_METHOD)
		return take_method(s, out, ret_len);
	return s->stage == SOCKS5_AUTH ? take_auth(s, out, ret_len) : take_reply(s);
}

/* ---- datagrams ---------------------------------------------------------- */

size_t socks5_header(const union saddr *dst, uint8_t *buf)
{
	memset(buf, 0, 3); /* RSV, and FRAG: not a fragment */
	return 3 + put_address(dst, buf + 3);
}

int socks5_header_read(const uint8_t *data, size_t len, union saddr *ret_from)
{
	size_t address;

	/* RFC 1928 7: an implementation that does not reassemble fragments drops them. */
	if (len < 5 || data[2])
		return -EPROTO;
	address = address_len(data + 3);
	if (!address || data[3] == ADDRESS_NAME || len < 3 + address)
		return -EPROTO;
	*ret_from = get_address(data + 3);
	return (int)(3 + address);
}
