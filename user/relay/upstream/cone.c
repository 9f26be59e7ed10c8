/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The port is chosen here, since the socket is not connected; its address, unless the user names
 * one, is chosen at each send.
 */
#include "relay/upstream/cone.h"

#include <string.h>

#include "lib/util.h"
#include "relay/upstream/candidates.h"

/* Returns a socket or -errno. */
static int open_at(const struct upstream_want *want, const struct attempt *attempt)
{
	__cleanup_close int fd = attempt_socket(want, attempt->foreign);
	union saddr from = attempt->from;

	if (fd < 0)
		return fd;
	from.sa.sa_family = want->dst->sa.sa_family;
	if (bind(fd, &from.sa, saddr_len(&from)))
		return errno == EADDRNOTAVAIL ? -ENXIO : -errno;
	return take_fd(&fd);
}

static int open_any(const struct upstream_want *want)
{
	struct attempt attempt;
	int fd = -ENXIO;

	for (unsigned int n = 0; fd < 0 && candidates_next(want, &n, &attempt);) {
		fd = open_at(want, &attempt);
		if (fd != -EADDRINUSE && fd != -ENXIO)
			return fd;
	}
	return fd == -EADDRINUSE ? -EADDRNOTAVAIL : fd;
}

int cone_open(const struct upstream_want *want, struct upstream *ret_up)
{
	const struct attempt exact = { .from = *want->client, .foreign = true };
	struct upstream up = { .fd = -EADDRINUSE };
	socklen_t len = sizeof(up.source);

	if (want->outlet->source.mode == SOURCE_CLIENT_IP_PORT)
		up.fd = open_at(want, &exact);
	if (up.fd == -EADDRINUSE || up.fd == -EACCES) {
		up.fell_back = want->outlet->source.mode == SOURCE_CLIENT_IP_PORT;
		up.fd = open_any(want);
	}
	if (up.fd < 0)
		return up.fd;
	if (getsockname(up.fd, &up.source.sa, &len))
		memset(&up.source, 0, sizeof(up.source));
	*ret_up = up;
	return 0;
}
