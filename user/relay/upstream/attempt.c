/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/upstream/attempt.h"

#include "lib/util.h"
#include "relay/net/exclusive.h"
#include "relay/net/sockopt.h"

static int connect_to(int fd, const union saddr *dst)
{
	return connect(fd, &dst->sa, saddr_len(dst)) && errno != EINPROGRESS ? -errno : 0;
}

static int bind_to(int fd, const union saddr *from)
{
	return bind(fd, &from->sa, saddr_len(from)) ? -errno : 0;
}

/*
 * One port may serve flows to several destinations: only four-tuples are unique. A TCP socket that
 * is bound receives nothing yet, unlike a UDP socket.
 */
static int connect_stream(int fd, const struct attempt *attempt, const union saddr *dst)
{
	/* connect then chooses a port that is free for this four-tuple, not for the address. */
	int err = saddr_port(&attempt->from) ? 0 : sockopt_on(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT);

	if (!err)
		err = bind_to(fd, &attempt->from);
	if (err == -EADDRNOTAVAIL)
		return -ENXIO;
	return err ? err : connect_to(fd, dst);
}

/* Nothing is queued before the socket is connected, because it would be of anybody. */
static int connect_deaf(int fd, const union saddr *from, const union saddr *dst)
{
	int err = sockopt_deafen(fd);

	if (!err)
		err = bind_to(fd, from);
	if (err == -EADDRNOTAVAIL)
		return -ENXIO;
	if (!err)
		err = connect_to(fd, dst);
	return err ? err : sockopt_int(fd, SOL_SOCKET, SO_DETACH_FILTER, 0);
}

static int connect_from(int fd, const struct upstream_want *want, const struct attempt *attempt,
			int device)
{
	const union saddr *from = &attempt->from;
	int err = attempt->foreign ? sockopt_transparent(fd, from->sa.sa_family) : 0;

	if (err)
		return err;
	if (!from->sa.sa_family)
		return connect_to(fd, want->dst);
	if (want->type == SOCK_STREAM)
		return connect_stream(fd, attempt, want->dst);
	/* Datagrams to the client's address are not for us, even while the socket is bound. */
	if (attempt->of_client)
		return exclusive_connect(fd, from, want->dst, device);
	return connect_deaf(fd, from, want->dst);
}

/*
 * Every UDP socket has a port of its own on its address: if there is none, bind and connect say so
 * by other errors than connect of TCP.
 */
static int port_error(int err, const struct upstream_want *want, const struct attempt *attempt)
{
	bool chosen = attempt->from.sa.sa_family && saddr_port(&attempt->from);

	if (want->type == SOCK_DGRAM && (err == -EAGAIN || (err == -EADDRINUSE && !chosen)))
		return -EADDRNOTAVAIL;
	return err;
}

static int prepare_stream(int fd)
{
	/* Lets a later connection have the port while this one is in TIME_WAIT, see upstream.c. */
	int err = sockopt_on(fd, SOL_SOCKET, SO_REUSEADDR);

	if (!err)
		err = sockopt_stream(fd);
	if (!err)
		sockopt_hold_ack(fd);
	return err;
}

static int prepare(int fd, const struct upstream_want *want)
{
	sa_family_t family = want->dst->sa.sa_family;
	int err = family == AF_INET6 ? sockopt_on(fd, SOL_IPV6, IPV6_V6ONLY) : 0;

	if (!err && want->type == SOCK_STREAM)
		err = prepare_stream(fd);
	if (!err)
		err = sockopt_ttl(fd, family, want->ttl);
	/* Before connect, since its route look-up uses the TOS. */
	return err ? err : sockopt_tos(fd, family, want->tos);
}

int attempt_connect(const struct upstream_want *want, const struct attempt *attempt)
{
	int device = device_chooser_find(want->devices, want->dst, attempt->foreign);
	__cleanup_close int fd = -1;
	int err;

	if (device < 0)
		return device;
	fd = socket(want->dst->sa.sa_family, want->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = sockopt_device(fd, device);
	if (!err)
		err = prepare(fd, want);
	if (!err)
		err = connect_from(fd, want, attempt, device);
	return err ? port_error(err, want, attempt) : take_fd(&fd);
}
