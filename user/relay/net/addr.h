/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Socket addresses of both families as one value: compare, hash, print. Owns no
 * state and does no I/O; text made here is numeric only, so it needs no escaping.
 */
#ifndef TPROXY_RELAY_NET_ADDR_H
#define TPROXY_RELAY_NET_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

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

/* The loopback address of a family with a port in host byte order. */
union saddr saddr_loopback(sa_family_t family, uint16_t port);

/* IPv4-mapped IPv6 addresses become IPv4: they reach the same machine. */
union saddr saddr_unmap(const union saddr *a);

/* Same family, address, port and, for IPv6, scope. */
bool saddr_equal(const union saddr *a, const union saddr *b);

/* seed must be secret where peers choose the addresses. */
uint32_t saddr_hash(const union saddr *a, uint32_t seed);

/* "10.0.0.1:22", "[2001:db8::1]:22"; buf takes SADDR_TEXT_LEN bytes. Returns buf. */
char *saddr_format(const union saddr *a, char *buf);

/* The address alone, without brackets; buf takes SADDR_TEXT_LEN bytes. Returns buf. */
char *saddr_format_host(const union saddr *a, char *buf);

#endif
