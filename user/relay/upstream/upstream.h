/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens the onward socket, to the destination or to an upstream proxy, with a source address that
 * the user allows: decides which addresses and ports are tried, and in which order. Must not know
 * flows: TCP and UDP use it in the same way.
 */
#ifndef TPROXY_RELAY_UPSTREAM_UPSTREAM_H
#define TPROXY_RELAY_UPSTREAM_UPSTREAM_H

#include "relay/upstream/want.h"

struct upstream {
	int fd;             /* non-blocking, connected or (TCP) connecting */
	union saddr source; /* our end */
	bool fell_back;     /* the client's port could not be used */
};

/* The caller owns ret_up->fd. 0 or -errno; logs if there is no port. */
int upstream_open(const struct upstream_want *want, struct upstream *ret_up);

/* The reason for the log that this result of upstream_open means, or NULL. */
const char *upstream_reason(int err);

#endif
