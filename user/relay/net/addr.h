/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Socket addresses of both families as one value: compare, hash, print. Owns no state; must not do
 * I/O. The text is numeric, so it needs no escaping.
 */
#ifndef TPROXY_RELAY_NET_ADDR_H
#define TPROXY_RELAY_NET_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/mapped.h"
#include "lib/parse.h"

union saddr {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* "[addr%scope]:port" with room to spare */
#define SADDR_TEXT_LEN 80

static inline socklen_t saddr_len(const union saddr *a)
{
	return a->sa.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

/* Host byte order. */
static inline uint16_t saddr_port(const union saddr *a)
{
	return ntohs(a->sa.sa_family == AF_INET ? a->v4.sin_port : a->v6.sin6_port);
}

/* port: host byte order. */
static inline void saddr_set_port(union saddr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET)
		a->v4.sin_port = htons(port);
	else
		a->v6.sin6_port = htons(port);
}

/*
 * addr: 4 or 16 bytes in network byte order; port: host byte order.
 *
 * This is where an IPv4-mapped IPv6 address (::ffff:a.b.c.d) becomes the IPv4 address, so that
 * inside the relay one host has one address. Addresses come from:
 *
 *   the configuration file and the command line: the upstream proxy and pools call saddr_from,
 *   access_add converts the prefixes of access lists;
 *   a SOCKS server: its reply and the header of each datagram call saddr_from;
 *   sockets (accept, getsockname, recvmsg): all of ours that speak IPv6 speak nothing else, so an
 *   IPv4-mapped address was in an IPv6 header. No host sends that: admit_flow refuses the flow.
 */
union saddr saddr_from(sa_family_t family, const void *addr, uint16_t port);

static inline union saddr saddr_from_endpoint(const struct endpoint *ep)
{
	return saddr_from(ep->family, ep->addr, ep->port);
}

static inline bool saddr_is_mapped(const union saddr *a)
{
	return a->sa.sa_family == AF_INET6 && mapped_is((const uint8_t *)&a->v6.sin6_addr);
}

/* The loopback address of a family with a port in host byte order. */
union saddr saddr_loopback(sa_family_t family, uint16_t port);

/* What counts as one client: the IPv4 address, or the first prefix6 bits; port 0. */
union saddr saddr_client(const union saddr *a, uint8_t prefix6);

/* Same family, address, port and, for IPv6, scope. */
bool saddr_equal(const union saddr *a, const union saddr *b);

/* seed must be secret where peers choose the addresses. */
uint32_t saddr_hash(const union saddr *a, uint32_t seed);

/* "10.0.0.1:22", "[2001:db8::1]:22"; buf takes SADDR_TEXT_LEN bytes. Returns buf. */
char *saddr_format(const union saddr *a, char *buf);

/* The address alone, without brackets; buf takes SADDR_TEXT_LEN bytes. Returns buf. */
char *saddr_format_host(const union saddr *a, char *buf);

#endif
