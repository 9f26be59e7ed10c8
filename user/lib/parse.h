/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text to values: ports, prefixes, addresses, name tables. Pure functions, no I/O. Every function
 * returns 0 or -errno and leaves its results untouched on failure; ret_why then is a static string
 * that says what is wrong, fit for "WHAT: WHY".
 */
#ifndef TPROXY_LIB_PARSE_H
#define TPROXY_LIB_PARSE_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

struct prefix {
	__u8 family;   /* AF_INET or AF_INET6 */
	__u8 len;      /* bits */
	__u8 addr[16]; /* network byte order; IPv4 uses the first four */
};

struct port_range {
	__u16 first; /* host byte order, 1…65535; 0–0 means every port */
	__u16 last;
};

#define PREFIX_TEXT_LEN 64

/* Decimal number within [min, max]; no sign, no blanks, nothing after it. ret_why may be NULL. */
int parse_u32(const char *text, __u32 min, __u32 max, __u32 *ret_value, const char **ret_why);

/* A packet mark of one bit, decimal, octal or hexadecimal. */
int parse_mark(const char *text, __u32 *ret_mark, const char **ret_why);

/* The number of a routing table that the kernel does not use itself. */
int parse_table(const char *text, __u32 *ret_table, const char **ret_why);

/* "22" or "1000-2000"; ports 1…65535. */
int parse_port_range(const char *text, struct port_range *ret_range, const char **ret_why);

/* "10.0.0.0/8", "2001:db8::/32", a bare address (/32, /128). Host bits set are refused. */
int parse_prefix(const char *text, struct prefix *ret_prefix, const char **ret_why);

/* "[ADDR:]PORT", IPv6 in brackets. family 0 when no address is given; port in host byte order. */
struct endpoint {
	__u8 family;
	__u8 addr[16];
	__u16 port;
};
int parse_endpoint(const char *text, struct endpoint *ret_ep, const char **ret_why);

/*
 * "ADDRESS[:PORT] = SERVER:PORT", IPv6 with a port in brackets. Without a port the address has
 * the server's one. Both are of one family; an IPv4-mapped IPv6 address counts as IPv4.
 */
int parse_pool(const char *line, struct endpoint *ret_address, struct endpoint *ret_server,
	       const char **ret_why);

/* Index of text in a table of n names, or -EINVAL. */
int parse_name(const char *text, const char *const *names, size_t n);

/* Calls fn for each item of a comma separated list; stops at the first non-zero result. */
int parse_list(const char *text, int (*fn)(const char *item, void *arg), void *arg);

/* buf: PREFIX_TEXT_LEN bytes. Returns buf. A full-length prefix is printed without length. */
char *prefix_format(const struct prefix *p, char *buf);
/* Orders by family, address, length: a covering prefix comes right before what it covers. */
int prefix_cmp(const struct prefix *a, const struct prefix *b);
/* Cuts the prefix to len bits, at most those of its family; the bits after them become zero. */
void prefix_shorten(struct prefix *p, unsigned int len);
/* A prefix of IPv4-mapped IPv6 addresses becomes the IPv4 one. */
void prefix_unmap(struct prefix *p);
/* True if every address of b lies in a. */
bool prefix_covers(const struct prefix *a, const struct prefix *b);

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

#endif
