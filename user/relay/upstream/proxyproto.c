/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/upstream/proxyproto.h"

#include <stdio.h>
#include <string.h>

static size_t format_v1(const union saddr *client, const union saddr *dst, uint8_t *buf)
{
	char from[SADDR_TEXT_LEN], to[SADDR_TEXT_LEN];
	union saddr c = *client, d = *dst;

	/* A zone means nothing to the server, and the header has no field for it. */
	if (c.sa.sa_family == AF_INET6)
		c.v6.sin6_scope_id = d.v6.sin6_scope_id = 0;
	return (size_t)snprintf((char *)buf, PROXYPROTO_MAX, "PROXY TCP%c %.45s %.45s %u %u\r\n",
				c.sa.sa_family == AF_INET ? '4' : '6', saddr_format_host(&c, from),
				saddr_format_host(&d, to), saddr_port(&c), saddr_port(&d));
}

static size_t put(uint8_t *buf, size_t at, const void *data, size_t len)
{
	memcpy(buf + at, data, len);
	return at + len;
}

static size_t format_v2(const union saddr *client, const union saddr *dst, uint8_t *buf)
{
	/* signature; version 2, command PROXY; family and STREAM; length of what follows */
	static const uint8_t head4[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c";
	static const uint8_t head6[] = "\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24";
	bool v4 = client->sa.sa_family == AF_INET;
	size_t n = put(buf, 0, v4 ? head4 : head6, 16);

	if (v4) {
		n = put(buf, n, &client->v4.sin_addr, 4);
		n = put(buf, n, &dst->v4.sin_addr, 4);
		n = put(buf, n, &client->v4.sin_port, 2);
		return put(buf, n, &dst->v4.sin_port, 2);
	}
	n = put(buf, n, &client->v6.sin6_addr, 16);
	n = put(buf, n, &dst->v6.sin6_addr, 16);
	n = put(buf, n, &client->v6.sin6_port, 2);
	return put(buf, n, &dst->v6.sin6_port, 2);
}

size_t proxyproto_format(unsigned int version, const union saddr *client, const union saddr *dst,
			 uint8_t *buf)
{
	return version == 1 ? format_v1(client, dst, buf) : format_v2(client, dst, buf);
}
