/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One attempt to open an onward socket: from this address, on this device, with these fields of the
 * header. Must not know which addresses there are to try, nor what comes next.
 */
#ifndef TPROXY_RELAY_UPSTREAM_ATTEMPT_H
#define TPROXY_RELAY_UPSTREAM_ATTEMPT_H

#include "relay/upstream/want.h"

struct attempt {
	union saddr from; /* family 0: as the kernel chooses; port 0: likewise */
	bool foreign;     /* the address need not be of this host */
	bool of_client;   /* and others may send to it */
};

/*
 * Returns a socket that is connected or (TCP) connecting, or -errno:
 * -EADDRNOTAVAIL: no port of this address is free towards the destination
 * -EADDRINUSE, -EACCES: the port of `from` cannot be used
 * -ENXIO: the address is not on this host
 * -ENODEV: there is no such device
 */
int attempt_connect(const struct upstream_want *want, const struct attempt *attempt);

/*
 * The first step: a socket on its device, with its mark, and for a foreign address transparent.
 * Returns it or -errno.
 */
int attempt_socket(const struct upstream_want *want, bool foreign);

#endif
