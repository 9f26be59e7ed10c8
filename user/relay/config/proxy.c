/* SPDX-License-Identifier: BSD-2-Clause */
/* URLs of upstream proxies. */
#include "relay/config/proxy.h"

#include <stdio.h>
#include <string.h>

#include "lib/line.h"
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

bool proxy_equal(const struct proxy *a, const struct proxy *b)
{
	return a->kind == b->kind && !strcmp(a->user, b->user) && !strcmp(a->pass, b->pass) &&
	       (a->kind == PROXY_NONE || saddr_equal(&a->addr, &b->addr));
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

/* ---- several ------------------------------------------------------------ */

static bool is_listed(const struct upstreams *list, const struct proxy *proxy)
{
	for (unsigned int i = 0; i < list->count; i++)
		if (proxy_equal(&list->items[i].proxy, proxy))
			return true;
	return false;
}

static int add_url(struct upstreams *list, const char *url, const char **ret_why)
{
	struct proxy proxy;
	int err = proxy_parse(url, &proxy, ret_why);

	if (err)
		return err;
	*ret_why = "the same upstream twice";
	if (is_listed(list, &proxy))
		return -EEXIST;
	*ret_why = "more than 8 upstreams";
	if (list->count == UPSTREAMS_MAX)
		return -E2BIG;
	/* It needs no proxy to work, so nothing after it would ever be used. */
	*ret_why = "upstreams after direct are never used";
	if (list->count && list->items[list->count - 1].proxy.kind == PROXY_NONE)
		return -EINVAL;
	list->items[list->count++].proxy = proxy;
	return 0;
}

int upstreams_parse(const char *text, struct upstreams *ret_upstreams, const char **ret_why)
{
	__cleanup_free char *copy = strdup(text);
	struct upstreams list = { 0 };
	char *rest = copy, *word;
	int err = copy ? 0 : -ENOMEM;

	while (!err && (word = strsep(&rest, "," LINE_BLANKS)))
		if (*word)
			err = add_url(&list, word, ret_why);
	if (!err && !list.count)
		err = proxy_parse("", &list.items[0].proxy, ret_why);
	if (err)
		return err;
	list.has_check = ret_upstreams->has_check;
	list.check = ret_upstreams->check;
	*ret_upstreams = list;
	return 0;
}

int upstreams_parse_check(const char *text, struct upstreams *upstreams, const char **ret_why)
{
	*ret_why = "expected seconds, 1 to 3600; 0 for no check";
	if (parse_u32(text, 0, 3600, &upstreams->check, NULL))
		return -EINVAL;
	upstreams->has_check = true;
	return 0;
}

void upstreams_complete(struct upstreams *upstreams, const struct upstreams *otherwise)
{
	if (!upstreams->count) {
		upstreams->count = otherwise->count;
		memcpy(upstreams->items, otherwise->items, sizeof(upstreams->items));
		if (!upstreams->has_check) {
			upstreams->has_check = otherwise->has_check;
			upstreams->check = otherwise->check;
		}
	}
	if (!upstreams->has_check)
		upstreams->check = upstreams->count > 1 ? UPSTREAMS_CHECK_DEFAULT_S : 0;
}

bool upstreams_have_proxy(const struct upstreams *upstreams)
{
	return upstreams->count && upstreams->items[0].proxy.kind != PROXY_NONE;
}

char *upstreams_format(const struct proxy *proxy, char *buf)
{
	char addr[SADDR_TEXT_LEN];

	if (proxy->kind == PROXY_NONE)
		snprintf(buf, UPSTREAMS_TEXT_LEN, "direct");
	else
		snprintf(buf, UPSTREAMS_TEXT_LEN, "%s://%s",
			 proxy->kind == PROXY_SOCKS5 ? "socks5" : "http",
			 saddr_format(&proxy->addr, addr));
	return buf;
}
