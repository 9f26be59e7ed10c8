/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens the onward socket, to the destination or to an upstream proxy, with the source address that
 * the user chose. Must not know flows: TCP and UDP use it in the same way.
 */
#ifndef TPROXY_RELAY_UPSTREAM_UPSTREAM_H
#define TPROXY_RELAY_UPSTREAM_UPSTREAM_H

#include "relay/config/options.h"
#include "relay/net/addr.h"
#include "relay/net/binding.h"

struct upstream {
	int fd;             /* non-blocking, connected or (TCP) connecting */
	union saddr source; /* our end */
	bool fell_back;     /* the client's port could not be used */
};

struct upstream_want {
	int type; /* SOCK_STREAM or SOCK_DGRAM */
	enum source_mode mode;
	const union saddr *client;
	const union saddr *dst;
	struct device_chooser *devices;
	uint8_t ttl; /* 0: the kernel's default */
	uint8_t tos;
};

/* The caller owns ret_up->fd. 0 or -errno. */
int upstream_open(const struct upstream_want *want, struct upstream *ret_up);

#endif
