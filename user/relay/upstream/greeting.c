/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/upstream/greeting.h"

#include <errno.h>
#include <stdio.h>

size_t greeting_begin(struct greeting *g, const struct proxy *proxy, uint8_t *out)
{
	char host[SADDR_TEXT_LEN];

	*g = (struct greeting){ .proxy = proxy };
	if (proxy->kind == PROXY_SOCKS5)
		return socks5_connect(&g->socks, proxy, &proxy->addr, out);
	return (size_t)snprintf((char *)out, GREETING_OUT_MAX,
				"OPTIONS * HTTP/1.1\r\nHost: %s\r\nMax-Forwards: 0\r\n"
				"Connection: close\r\n\r\n",
				saddr_format(&proxy->addr, host));
}

static int take_http(struct greeting *g, uint8_t byte)
{
	static const char expected[] = "HTTP/1.";

	if (byte != (uint8_t)expected[g->taken++])
		return -EPROTO;
	return g->taken == sizeof(expected) - 1;
}

int greeting_take(struct greeting *g, uint8_t byte, uint8_t *out, size_t *ret_len)
{
	int err;

	*ret_len = 0;
	if (g->proxy->kind != PROXY_SOCKS5)
		return take_http(g, byte);
	err = socks5_take(&g->socks, byte, out, ret_len);
	/* What comes next is the request. */
	return err ? err : g->socks.stage == SOCKS5_REPLY;
}
