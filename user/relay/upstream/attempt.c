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

static int connect_from(int fd, const struct upstream_want *want, const struct attempt *attempt)
{
	const union saddr *from = &attempt->from;

	if (!from->sa.sa_family)
		return connect_to(fd, want->dst);
	if (want->type == SOCK_STREAM)
		return connect_stream(fd, attempt, want->dst);
	/* Datagrams to the client's address are not for us, even while the socket is bound. */
	if (attempt->of_client)
		return exclusive_connect(fd, from, want->dst, sockopt_bound_device(fd));
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
	int err = want->type == SOCK_STREAM ? prepare_stream(fd) : 0;

	if (!err)
		err = sockopt_ttl(fd, want->dst->sa.sa_family, want->ttl);
	/* Before connect, since its route look-up uses the TOS. */
	return err ? err : sockopt_tos(fd, want->dst->sa.sa_family, want->tos);
}

static int choose_device(int fd, const struct upstream_want *want, bool foreign)
{
	int device;

	if (want->outlet->device[0])
		return sockopt_device_name(fd, want->outlet->device);
	device = device_chooser_find(want->devices, want->dst, foreign);
	return device < 0 ? device : sockopt_device(fd, device);
}

int attempt_socket(const struct upstream_want *want, bool foreign)
{
	sa_family_t family = want->dst->sa.sa_family;
	__cleanup_close int fd = socket(family, want->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err = fd < 0 ? -errno : choose_device(fd, want, foreign);

	if (!err)
		err = sockopt_mark(fd, want->outlet->mark);
	if (!err && family == AF_INET6)
		err = sockopt_on(fd, SOL_IPV6, IPV6_V6ONLY);
	if (!err && foreign)
		err = sockopt_transparent(fd, family);
	return err ? err : take_fd(&fd);
}

int attempt_connect(const struct upstream_want *want, const struct attempt *attempt)
{
	__cleanup_close int fd = attempt_socket(want, attempt->foreign);
	int err = fd < 0 ? fd : prepare(fd, want);

	if (!err)
		err = connect_from(fd, want, attempt);
	return err ? port_error(err, want, attempt) : take_fd(&fd);
}
