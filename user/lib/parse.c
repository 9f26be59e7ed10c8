/* SPDX-License-Identifier: BSD-2-Clause */
/* Text to values. Nothing here does I/O or keeps state. */
#include "lib/parse.h"

#include <arpa/inet.h>
#include <string.h>

#include "lib/mapped.h"
#include "lib/util.h"

static int refuse(int err, const char *why, const char **ret_why)
{
	if (ret_why)
		*ret_why = why;
	return err;
}

int parse_u32(const char *text, __u32 min, __u32 max, __u32 *ret_value, const char **ret_why)
{
	unsigned long long value = 0;

	if (!*text)
		return refuse(-EINVAL, "empty number", ret_why);
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			return refuse(-EINVAL, "not a decimal number", ret_why);
		value = value * 10 + (unsigned long long)(*p - '0');
		if (value > max)
			break;
	}
	if (value < min || value > max)
		return refuse(-ERANGE, "number out of range", ret_why);
	*ret_value = (__u32)value;
	return 0;
}

int parse_mark(const char *text, __u32 *ret_mark, const char **ret_why)
{
	char *end;
	unsigned long mark = strtoul(text, &end, 0);

	if (*text < '0' || *text > '9' || *end || !mark || mark > 0xffffffffUL ||
	    (mark & (mark - 1)))
		return refuse(-EINVAL, "not one bit of 32 (for example 0x1000000)", ret_why);
	*ret_mark = (__u32)mark;
	return 0;
}

int parse_table(const char *text, __u32 *ret_table, const char **ret_why)
{
	__u32 table;

	/* 253 to 255 are the kernel's: default, main and local. */
	if (parse_u32(text, 1, 0xfffffffe, &table, NULL) || (table >= 253 && table <= 255))
		return refuse(-EINVAL, "not a table number of our own (for example 15001)",
			      ret_why);
	*ret_table = table;
	return 0;
}

static int parse_port(const char *text, __u16 *ret_port, const char **ret_why)
{
	__u32 value;
	int err = parse_u32(text, 1, 65535, &value, ret_why);

	if (err == -ERANGE)
		*ret_why = "ports are 1 to 65535";
	else if (err)
		*ret_why = "not a port number";
	if (err)
		return err;
	*ret_port = (__u16)value;
	return 0;
}

int parse_port_range(const char *text, struct port_range *ret_range, const char **ret_why)
{
	struct port_range range;
	char first[8];
	const char *dash = strchr(text, '-');
	int err;

	if (!dash) {
		err = parse_port(text, &range.first, ret_why);
		if (err)
			return err;
		range.last = range.first;
		*ret_range = range;
		return 0;
	}
	if ((size_t)(dash - text) >= sizeof(first)) {
		*ret_why = "not a port range";
		return -EINVAL;
	}
	memcpy(first, text, (size_t)(dash - text));
	first[dash - text] = '\0';
	err = parse_port(first, &range.first, ret_why);
	if (!err)
		err = parse_port(dash + 1, &range.last, ret_why);
	if (err)
		return err;
	if (range.first > range.last) {
		*ret_why = "range ends before it starts";
		return -EINVAL;
	}
	*ret_range = range;
	return 0;
}

/* Length of an address of this family, in bits. */
static unsigned int family_bits(__u8 family)
{
	return family == AF_INET ? 32 : 128;
}

/* Text of either family to bytes; only the part before stop, unless that is NULL. */
static int parse_address(const char *text, const char *stop, __u8 *ret_family, __u8 *ret_addr)
{
	char buf[INET6_ADDRSTRLEN];
	size_t len = stop ? (size_t)(stop - text) : strlen(text);
	__u8 addr[16] = { 0 };

	if (len == 0 || len >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, text, len);
	buf[len] = '\0';
	if (inet_pton(AF_INET, buf, addr) == 1)
		*ret_family = AF_INET;
	else if (inet_pton(AF_INET6, buf, addr) == 1)
		*ret_family = AF_INET6;
	else
		return -EINVAL;
	memcpy(ret_addr, addr, sizeof(addr));
	return 0;
}

static bool has_host_bits(const struct prefix *p)
{
	struct prefix cut = *p;

	prefix_shorten(&cut, p->len);
	return memcmp(cut.addr, p->addr, sizeof(cut.addr)) != 0;
}

int parse_prefix(const char *text, struct prefix *ret_prefix, const char **ret_why)
{
	const char *slash = strchr(text, '/');
	struct prefix p = { 0 };
	__u32 len;

	if (parse_address(text, slash, &p.family, p.addr)) {
		*ret_why = "not an IPv4 or IPv6 prefix";
		return -EINVAL;
	}
	len = family_bits(p.family);
	if (slash && parse_u32(slash + 1, 0, len, &len, ret_why)) {
		*ret_why = p.family == AF_INET ? "prefix length is 0 to 32" :
						 "prefix length is 0 to 128";
		return -EINVAL;
	}
	p.len = (__u8)len;
	if (has_host_bits(&p)) {
		*ret_why = "host bits are set";
		return -EINVAL;
	}
	*ret_prefix = p;
	return 0;
}

int parse_endpoint(const char *text, struct endpoint *ret_ep, const char **ret_why)
{
	struct endpoint ep = { 0 };
	const char *port = text;
	const char *end = NULL;

	if (*text == '[') {
		end = strchr(text, ']');
		if (!end || end[1] != ':') {
			*ret_why = "expected [ADDR]:PORT";
			return -EINVAL;
		}
		port = end + 2;
		text++;
	} else if (strchr(text, ':')) {
		end = strchr(text, ':');
		port = end + 1;
		if (strchr(port, ':')) {
			*ret_why = "an IPv6 address needs brackets: [ADDR]:PORT";
			return -EINVAL;
		}
	}
	if (end && parse_address(text, end, &ep.family, ep.addr)) {
		*ret_why = "not an IP address";
		return -EINVAL;
	}
	if (parse_port(port, &ep.port, ret_why))
		return -EINVAL;
	*ret_ep = ep;
	return 0;
}

static int parse_pool_address(const char *text, struct endpoint *ret_ep, const char **ret_why)
{
	struct prefix p;

	if (parse_prefix(text, &p, ret_why)) {
		if (!strchr(text, ':') || strchr(text, '/'))
			return -EINVAL;
		return parse_endpoint(text, ret_ep, ret_why);
	}
	if (p.len != family_bits(p.family)) {
		*ret_why = "a pool maps single addresses";
		return -EINVAL;
	}
	*ret_ep = (struct endpoint){ .family = p.family };
	memcpy(ret_ep->addr, p.addr, sizeof(p.addr));
	return 0;
}

/* No socket is bound to it, and no host has it. */
static bool is_unspecified(const struct endpoint *ep)
{
	static const __u8 none[sizeof(ep->addr)];

	return !memcmp(ep->addr, none, sizeof(none));
}

static void unmap(struct endpoint *ep)
{
	const struct endpoint from = *ep;

	if (from.family == AF_INET6)
		ep->family = mapped_to(from.addr, ep->addr);
}

int parse_pool(const char *line, struct endpoint *ret_address, struct endpoint *ret_server,
	       const char **ret_why)
{
	char address[64], server[96], more[2];
	struct endpoint from, to;

	if (sscanf(line, " %63[^= \t] = %95[^ \t\r\n] %1s", address, server, more) != 2) {
		*ret_why = "expected ADDRESS[:PORT] = SERVER:PORT";
		return -EINVAL;
	}
	if (parse_pool_address(address, &from, ret_why))
		return -EINVAL;
	if (parse_endpoint(server, &to, ret_why) || !to.family) {
		*ret_why = "expected ADDR:PORT of a server";
		return -EINVAL;
	}
	unmap(&from);
	unmap(&to);
	if (from.family != to.family) {
		*ret_why = "address and server are of different families";
		return -EINVAL;
	}
	if (is_unspecified(&from) || is_unspecified(&to)) {
		*ret_why = "not the address of a host";
		return -EINVAL;
	}
	if (!from.port)
		from.port = to.port;
	*ret_address = from;
	*ret_server = to;
	return 0;
}

int parse_name(const char *text, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (names[i] && !strcmp(text, names[i]))
			return (int)i;
	return -EINVAL;
}

int parse_list(const char *text, int (*fn)(const char *item, void *arg), void *arg)
{
	__cleanup_free char *copy = strdup(text);
	char *rest = copy;
	char *item;
	int err;

	if (!copy)
		return -ENOMEM;
	while ((item = strsep(&rest, ","))) {
		err = fn(item, arg);
		if (err)
			return err;
	}
	return 0;
}

char *prefix_format(const struct prefix *p, char *buf)
{
	char addr[INET6_ADDRSTRLEN] = "?";

	inet_ntop(p->family, p->addr, addr, sizeof(addr));
	if (p->len == family_bits(p->family))
		snprintf(buf, PREFIX_TEXT_LEN, "%s", addr);
	else
		snprintf(buf, PREFIX_TEXT_LEN, "%s/%u", addr, p->len);
	return buf;
}

int prefix_cmp(const struct prefix *a, const struct prefix *b)
{
	int diff;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	diff = memcmp(a->addr, b->addr, sizeof(a->addr));
	if (diff)
		return diff;
	return (int)a->len - (int)b->len;
}

void prefix_shorten(struct prefix *p, unsigned int len)
{
	unsigned int at = len / 8;

	p->len = (__u8)len;
	if (at == sizeof(p->addr))
		return;
	p->addr[at++] &= (__u8)(0xff00 >> len % 8);
	memset(p->addr + at, 0, sizeof(p->addr) - at);
}

void prefix_unmap(struct prefix *p)
{
	if (p->family != AF_INET6 || p->len < MAPPED_LEN * 8 || !mapped_is(p->addr))
		return;
	p->family = AF_INET;
	p->len -= MAPPED_LEN * 8;
	memmove(p->addr, p->addr + MAPPED_LEN, 4);
	memset(p->addr + 4, 0, sizeof(p->addr) - 4);
}

bool prefix_covers(const struct prefix *a, const struct prefix *b)
{
	struct prefix cut = *b;

	if (a->family != b->family || a->len > b->len)
		return false;
	prefix_shorten(&cut, a->len);
	return !memcmp(cut.addr, a->addr, sizeof(cut.addr));
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->family == b->family && a->port == b->port &&
	       !memcmp(a->addr, b->addr, sizeof(a->addr));
}
