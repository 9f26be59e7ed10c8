/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/upstream/httpconnect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEADER_MAX 16384

/* RFC 4648; returns the length. */
static size_t base64(const char *data, size_t len, char *to)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *p = (const uint8_t *)data;
	size_t n = 0;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;

		if (i + 1 < len)
			v |= (uint32_t)p[i + 1] << 8;
		if (i + 2 < len)
			v |= p[i + 2];
		to[n++] = digits[v >> 18];
		to[n++] = digits[v >> 12 & 63];
		to[n++] = i + 1 < len ? digits[v >> 6 & 63] : '=';
		to[n++] = i + 2 < len ? digits[v & 63] : '=';
	}
	return n;
}

size_t httpconnect_begin(struct httpconnect *h, const struct proxy *proxy, const union saddr *dst,
			 uint8_t *out)
{
	union saddr to = *dst;
	char target[SADDR_TEXT_LEN];
	char pair[2 * PROXY_CREDENTIAL_MAX + 2];
	char *text = (char *)out;
	size_t n;

	*h = (struct httpconnect){ .bare = true };
	if (to.sa.sa_family == AF_INET6)
		to.v6.sin6_scope_id = 0;
	saddr_format(&to, target);
	n = (size_t)snprintf(text, HTTPCONNECT_OUT_MAX, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n",
			     target, target);
	if (proxy->user[0]) {
		size_t len =
			(size_t)snprintf(pair, sizeof(pair), "%s:%s", proxy->user, proxy->pass);

		n += (size_t)sprintf(text + n, "Proxy-Authorization: Basic ");
		n += base64(pair, len, text + n);
		n += (size_t)sprintf(text + n, "\r\n");
	}
	return n + (size_t)sprintf(text + n, "\r\n");
}

static int status_error(const char *code)
{
	static const struct {
		char code[4];
		int err;
	} table[] = { { "401", EACCES },       { "403", EACCES },       { "407", EACCES },
		      { "502", EHOSTUNREACH }, { "503", ECONNREFUSED }, { "504", ETIMEDOUT } };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (!strncmp(code, table[i].code, 3))
			return table[i].err;
	return EPROTO;
}

/* The status line begins "HTTP/1.x NNN"; any 2xx opens the tunnel. */
static int check_status(const struct httpconnect *h)
{
	const char *s = h->status;

	if (strncmp(s, "HTTP/1.", 7) || s[7] < '0' || s[7] > '9' || s[8] != ' ')
		return -EPROTO;
	if (s[9] != '2' || s[10] < '0' || s[10] > '9' || s[11] < '0' || s[11] > '9')
		return -status_error(s + 9);
	return 0;
}

int httpconnect_take(struct httpconnect *h, uint8_t byte)
{
	int err;

	if (h->taken < sizeof(h->status) - 1)
		h->status[h->taken] = (char)byte;
	if (++h->taken > HEADER_MAX)
		return -EPROTO;
	if (h->taken == 12) { /* all of the status code */
		err = check_status(h);
		if (err)
			return err;
	}
	/* RFC 9112 2.2: a line may end in LF alone, and a CR before it does not count. */
	if (byte != '\n') {
		h->bare &= byte == '\r';
		return 0;
	}
	if (h->taken < 12)
		return -EPROTO;
	if (h->bare)
		return 1;
	h->bare = true;
	return 0;
}
