/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets on any address, also on foreign ones. Knows no BPF. */
#ifndef SOCKETS_H
#define SOCKETS_H

#include "namespace.h"

union address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static inline union address address_of(const char *text, __u16 port)
{
	struct prefix p = prefix_of(text);
	union address a = { .sa.sa_family = p.family };

	if (p.family == AF_INET) {
		a.v4.sin_port = htons(port);
		memcpy(&a.v4.sin_addr, p.addr, 4);
	} else {
		a.v6.sin6_port = htons(port);
		memcpy(&a.v6.sin6_addr, p.addr, 16);
	}
	return a;
}

/* A bound socket that may have a foreign address. */
static inline int bound_socket(int type, const char *address, __u16 port)
{
	union address a = address_of(address, port);
	int fd = socket(a.sa.sa_family, type | SOCK_CLOEXEC, 0), one = 1;

	must(fd < 0, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (a.sa.sa_family == AF_INET)
		must(setsockopt(fd, SOL_IP, IP_TRANSPARENT, &one, sizeof(one)), "IP_TRANSPARENT");
	else
		must(setsockopt(fd, SOL_IPV6, IPV6_TRANSPARENT, &one, sizeof(one)),
		     "IPV6_TRANSPARENT");
	must(bind(fd, &a.sa, sizeof(a)) ? -errno : 0, address);
	return fd;
}

static inline int listen_on(const char *address, __u16 port)
{
	int fd = bound_socket(SOCK_STREAM, address, port);

	must(listen(fd, 16) ? -errno : 0, "listen");
	return fd;
}

static inline int connect_to(int fd, const char *address, __u16 port)
{
	union address a = address_of(address, port);

	must(connect(fd, &a.sa, sizeof(a)) ? -errno : 0, address);
	return fd;
}

#endif
