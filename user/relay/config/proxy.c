/* SPDX-License-Identifier: BSD-2-Clause */
/* The URL of an upstream proxy. */
#include "relay/config/proxy.h"

#include <string.h>

#include "lib/parse.h"
#include "lib/util.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes %XX, RFC 3986 2.1. A zero byte cannot be part of a name here. */
static int unescape(const char *text, size_t len, char *to)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)text[i];

		if (c == '%') {
			int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
			int low = i + 2 < len ? hex_digit(text[i + 2]) : -1;

			if (high < 0 || low < 0 || !(high | low))
				return -EINVAL;
			c = high << 4 | low;
			i += 2;
		}
		if (n == PROXY_CREDENTIAL_MAX)
			return -E2BIG;
		to[n++] = (char)c;
	}
	to[n] = '\0';
	return 0;
}

static int parse_credentials(struct proxy *p, const char *text, const char *at)
{
	const char *colon = memchr(text, ':', (size_t)(at - text));

	if (!colon || colon == text)
		return -EINVAL;
	if (unescape(text, (size_t)(colon - text), p->user) ||
	    unescape(colon + 1, (size_t)(at - colon - 1), p->pass))
		return -EINVAL;
	/* RFC 7617 2: the first colon ends the user's name. */
	return p->kind == PROXY_HTTP && strchr(p->user, ':') ? -EINVAL : 0;
}

static int parse_authority(struct proxy *p, const char *text, const char **ret_why)
{
	const char *at = strrchr(text, '@');
	const char *cause;
	struct endpoint ep;

	if (at && parse_credentials(p, text, at)) {
		*ret_why = "expected USER:PASS before the @, special characters as %XX";
		return -EINVAL;
	}
	if (parse_endpoint(at ? at + 1 : text, &ep, &cause) || !ep.family) {
		*ret_why = "expected a numeric ADDRESS:PORT, IPv6 in brackets";
		return -EINVAL;
	}
	p->addr = saddr_from_endpoint(&ep);
	return 0;
}

int proxy_parse(const char *text, struct proxy *ret_proxy, const char **ret_why)
{
	static const struct {
		const char *scheme;
		enum proxy_kind kind;
	} schemes[] = { { "socks5://", PROXY_SOCKS5 }, { "http://", PROXY_HTTP } };
	struct proxy p = { 0 };

	if (!strcmp(text, "direct")) {
		*ret_proxy = p;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t len = strlen(schemes[i].scheme);
		int err;

		if (strncmp(text, schemes[i].scheme, len))
			continue;
		p.kind = schemes[i].kind;
		err = parse_authority(&p, text + len, ret_why);
		if (!err)
			*ret_proxy = p;
		return err;
	}
	*ret_why = "expected direct, socks5://[USER:PASS@]ADDRESS:PORT or http://...";
	return -EINVAL;
}
