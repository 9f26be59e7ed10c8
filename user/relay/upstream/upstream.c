/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/upstream/upstream.h"

#include <string.h>

#include "lib/util.h"
#include "relay/net/exclusive.h"
#include "relay/net/sockopt.h"

static int connect_to(int fd, const union saddr *dst)
{
	return connect(fd, &dst->sa, saddr_len(dst)) && errno != EINPROGRESS ? -errno : 0;
}

/*
 * One port may serve a client's flows to several destinations: only four-tuples are unique. A TCP
 * socket that is bound receives nothing yet, unlike a UDP socket.
 */
static int connect_from_client(int fd, const struct upstream_want *want, enum source_mode mode,
			       int device)
{
	union saddr source = *want->client;
	int err = sockopt_transparent(fd, source.sa.sa_family);

	if (!err && mode == SOURCE_CLIENT_IP_PORT)
		err = sockopt_on(fd, SOL_SOCKET, SO_REUSEADDR);
	/* connect then chooses a port that is free for this four-tuple, not for the address. */
	if (!err && mode == SOURCE_CLIENT_IP && want->type == SOCK_STREAM)
		err = sockopt_on(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT);
	if (err)
		return err;
	if (mode == SOURCE_CLIENT_IP)
		saddr_set_port(&source, 0);
	if (want->type == SOCK_DGRAM)
		return exclusive_connect(fd, &source, want->dst, device);
	return bind(fd, &source.sa, saddr_len(&source)) ? -errno : connect_to(fd, want->dst);
}

static int upstream_try(const struct upstream_want *want, enum source_mode mode)
{
	const union saddr *dst = want->dst;
	sa_family_t family = dst->sa.sa_family;
	bool stream = want->type == SOCK_STREAM;
	int device = device_chooser_find(want->devices, dst, mode != SOURCE_OWN);
	__cleanup_close int fd = -1;
	int err;

	if (device < 0)
		return device;
	fd = socket(family, want->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = sockopt_device(fd, device);
	if (!err && family == AF_INET6)
		err = sockopt_on(fd, SOL_IPV6, IPV6_V6ONLY);
	if (!err && stream)
		err = sockopt_stream(fd);
	if (!err && stream)
		sockopt_hold_ack(fd);
	if (!err)
		err = sockopt_ttl(fd, family, want->ttl);
	/* Before connect, since its route look-up uses the TOS. */
	if (!err)
		err = sockopt_tos(fd, family, want->tos);
	if (!err)
		err = mode == SOURCE_OWN ? connect_to(fd, dst) :
					   connect_from_client(fd, want, mode, device);
	return err ? err : take_fd(&fd);
}

/* In use, in TIME_WAIT with the same four-tuple, or below 1024 without the capability. */
static bool port_unavailable(int err)
{
	return err == -EADDRINUSE || err == -EADDRNOTAVAIL || err == -EACCES;
}

int upstream_open(const struct upstream_want *want, struct upstream *ret_up)
{
	struct upstream up = { .fd = upstream_try(want, want->mode) };
	socklen_t len = sizeof(up.source);

	if (want->mode == SOURCE_CLIENT_IP_PORT && port_unavailable(up.fd)) {
		up.fell_back = true;
		up.fd = upstream_try(want, SOURCE_CLIENT_IP);
	}
	if (up.fd < 0)
		return up.fd;
	if (getsockname(up.fd, &up.source.sa, &len))
		memset(&up.source, 0, sizeof(up.source));
	*ret_up = up;
	return 0;
}
