/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/upstream/upstream.h"

#include <string.h>
#include <sys/random.h>

#include "lib/util.h"
#include "relay/net/localports.h"
#include "relay/upstream/candidates.h"
#include "relay/upstream/shortage.h"

#define REUSE_TRIES 12

/* A port of the kernel's choice, of the first address that has one. */
static int try_addresses(const struct upstream_want *want, uint64_t now)
{
	struct attempt attempt;
	bool is_short = false;

	for (unsigned int n = 0; candidates_next(want, &n, &attempt);) {
		int fd = shortage_has(&attempt.from, want->dst, now) ?
				 -EADDRNOTAVAIL :
				 attempt_connect(want, &attempt);

		if (fd == -EADDRNOTAVAIL)
			shortage_note(&attempt.from, want->dst, now);
		else if (fd != -ENXIO)
			return fd;
		is_short |= fd == -EADDRNOTAVAIL;
	}
	return is_short ? -EADDRNOTAVAIL : -ENXIO;
}

/* ---- ports in TIME_WAIT ------------------------------------------------- */

static uint32_t random_number(void)
{
	uint32_t random;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = (uint32_t)monotonic_ns();
	return random;
}

/*
 * Where the side that ends a connection first is this host, its port stays in TIME_WAIT for a
 * minute. The default range has 28 232 ports: at 470 connections a second to one server it is used
 * up. The kernel gives a port in TIME_WAIT to a socket that is bound to it, if both sides use time
 * stamps: the new connection begins above the sequence numbers of the old one, and PAWS drops old
 * segments (tcp_twsk_unique; RFC 6191). To one that it chooses a port for it does so only with
 * net.ipv4.tcp_tw_reuse = 1. So we choose; ports in use are told by an error.
 */
static int reuse_port(const struct upstream_want *want, uint64_t now)
{
	static _Thread_local struct local_ports ports;
	uint32_t port = random_number();
	unsigned int n = 0;

	for (int i = 0; i < REUSE_TRIES; i++) {
		struct attempt attempt;
		int fd;

		if (!candidates_next(want, &n, &attempt)) {
			port++;
			n = 0;
			candidates_next(want, &n, &attempt);
		}
		attempt.from.sa.sa_family = want->dst->sa.sa_family;
		saddr_set_port(&attempt.from, local_ports_pick(&ports, now, port));
		fd = attempt_connect(want, &attempt);
		if (fd != -EADDRNOTAVAIL && fd != -EADDRINUSE && fd != -ENXIO)
			return fd;
	}
	return -EADDRNOTAVAIL;
}

/* ---- the whole ---------------------------------------------------------- */

static int open_any(const struct upstream_want *want)
{
	uint64_t now = monotonic_ms();
	int fd = try_addresses(want, now);

	if (fd == -EADDRNOTAVAIL && want->type == SOCK_STREAM)
		fd = reuse_port(want, now);
	if (fd == -EADDRNOTAVAIL)
		shortage_warn(want->dst, now);
	return fd;
}

/* In use, in TIME_WAIT with the same four-tuple, or below 1024 without the capability. */
static bool port_unavailable(int err)
{
	return err == -EADDRINUSE || err == -EADDRNOTAVAIL || err == -EACCES;
}

/* With the client's port, or else any. */
static int open_with_port(const struct upstream_want *want, bool *ret_fell_back)
{
	const struct attempt exact = { .from = *want->client, .foreign = true, .of_client = true };
	int fd = attempt_connect(want, &exact);

	if (!port_unavailable(fd))
		return fd;
	*ret_fell_back = true;
	return open_any(want);
}

int upstream_open(const struct upstream_want *want, struct upstream *ret_up)
{
	struct upstream up = { 0 };
	socklen_t len = sizeof(up.source);

	up.fd = want->outlet->source.mode == SOURCE_CLIENT_IP_PORT ?
			open_with_port(want, &up.fell_back) :
			open_any(want);
	if (up.fd < 0)
		return up.fd;
	if (getsockname(up.fd, &up.source.sa, &len))
		memset(&up.source, 0, sizeof(up.source));
	*ret_up = up;
	return 0;
}

const char *upstream_reason(int err)
{
	switch (err) {
	case -EADDRNOTAVAIL:
		return "no-free-port";
	case -ENXIO:
		return "source-address";
	case -ENODEV:
		return "no-device";
	default:
		return NULL;
	}
}
