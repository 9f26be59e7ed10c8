/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/upstream.h"

#include <string.h>

#include "lib/util.h"
#include "relay/sockopt.h"

/* One port may serve a client's flows to several places: only four-tuples are unique. */
static int bind_source(int fd, int type, enum source_mode mode, const union saddr *client)
{
	union saddr source = *client;
	int err = sockopt_transparent(fd, client->sa.sa_family);

	if (!err && mode == SOURCE_CLIENT_IP_PORT)
		err = sockopt_on(fd, SOL_SOCKET, SO_REUSEADDR);
	/* The port is then chosen at connect, by four-tuple instead of by address. */
	if (!err && mode == SOURCE_CLIENT_IP && type == SOCK_STREAM)
		err = sockopt_on(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT);
	if (err)
		return err;
	if (mode == SOURCE_CLIENT_IP)
		saddr_set_port(&source, 0);
	return bind(fd, &source.sa, saddr_len(&source)) ? -errno : 0;
}

static int upstream_try(int type, enum source_mode mode, const union saddr *client,
			const union saddr *dst)
{
	sa_family_t family = dst->sa.sa_family;
	__cleanup_close int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (family == AF_INET6)
		err = sockopt_on(fd, SOL_IPV6, IPV6_V6ONLY);
	if (!err && type == SOCK_STREAM)
		err = sockopt_stream(fd);
	if (!err && type == SOCK_STREAM)
		sockopt_hold_ack(fd);
	if (!err && mode != SOURCE_OWN)
		err = bind_source(fd, type, mode, client);
	if (err)
		return err;
	if (connect(fd, &dst->sa, saddr_len(dst)) && errno != EINPROGRESS)
		return -errno;
	return take_fd(&fd);
}

/* Taken, in TIME_WAIT with the same four-tuple, or below 1024 (that takes a capability). */
static bool port_unavailable(int err)
{
	return err == -EADDRINUSE || err == -EADDRNOTAVAIL || err == -EACCES;
}

int upstream_open(int type, enum source_mode mode, const union saddr *client,
		  const union saddr *dst, struct upstream *ret_up)
{
	struct upstream up = { .fd = upstream_try(type, mode, client, dst) };
	socklen_t len = sizeof(up.source);

	if (mode == SOURCE_CLIENT_IP_PORT && port_unavailable(up.fd)) {
		up.fell_back = true;
		up.fd = upstream_try(type, SOURCE_CLIENT_IP, client, dst);
	}
	if (up.fd < 0)
		return up.fd;
	if (getsockname(up.fd, &up.source.sa, &len))
		memset(&up.source, 0, sizeof(up.source));
	*ret_up = up;
	return 0;
}
