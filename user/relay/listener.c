/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/listener.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"
#include "relay/sockopt.h"

#define LISTENER_BACKLOG 4096
#define LISTENER_UDP_RCVBUF (4 * 1024 * 1024) /* the kernel cuts it to net.core.rmem_max */

/* Options that accepted sockets inherit, so that accept needs no further calls. */
static int set_tcp_options(int fd)
{
	return sockopt_stream(fd);
}

static int set_udp_options(int fd, sa_family_t family)
{
	if (family == AF_INET)
		return sockopt_on(fd, SOL_IP, IP_RECVORIGDSTADDR);
	return sockopt_on(fd, SOL_IPV6, IPV6_RECVORIGDSTADDR);
}

static int listener_bind(enum tproxy_class class, uint16_t port)
{
	bool v4 = class == TPROXY_TCP4 || class == TPROXY_UDP4;
	sa_family_t family = v4 ? AF_INET : AF_INET6;
	union saddr addr = saddr_loopback(family, port);
	bool tcp = class_is_tcp(class);
	int type = tcp ? SOCK_STREAM : SOCK_DGRAM;
	int size = LISTENER_UDP_RCVBUF;
	__cleanup_close int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = sockopt_transparent(fd, family);
	if (!err && !v4)
		err = sockopt_on(fd, SOL_IPV6, IPV6_V6ONLY);
	/* Connections of a former relay in TIME_WAIT must not keep the port; UDP would share it. */
	if (!err && tcp)
		err = sockopt_on(fd, SOL_SOCKET, SO_REUSEADDR);
	if (!err)
		err = tcp ? set_tcp_options(fd) : set_udp_options(fd, family);
	if (err)
		return err;
	if (!tcp)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, &addr.sa, saddr_len(&addr)))
		return -errno;
	if (tcp && listen(fd, LISTENER_BACKLOG))
		return -errno;
	return take_fd(&fd);
}

static int note_port(struct listener_set *set, int fd, bool tcp)
{
	union saddr addr;
	socklen_t len = sizeof(addr);

	if (getsockname(fd, &addr.sa, &len))
		return -errno;
	port_set_add(tcp ? &set->tcp_ports : &set->udp_ports, saddr_port(&addr));
	return 0;
}

/* The kernel was built or booted without IPv6, or lo has no ::1. */
static bool means_no_v6(int err)
{
	return err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL;
}

static int open_row(struct listener_set *set, int *fds, uint16_t port, char *ret_why, size_t size)
{
	static const char *const names[TPROXY_CLASS_MAX] = { "TCP 127.0.0.1", "TCP [::1]",
							     "UDP 127.0.0.1", "UDP [::1]" };

	for (int class = 0; class < TPROXY_CLASS_MAX; class ++) {
		bool v6 = class == TPROXY_TCP6 || class == TPROXY_UDP6;
		int fd = v6 && !set->have_v6 ? -EAFNOSUPPORT :
					       listener_bind((enum tproxy_class)class, port);
		int err;

		if (fd < 0 && v6 && means_no_v6(fd)) {
			set->have_v6 = false;
			continue;
		}
		err = fd < 0 ? fd : note_port(set, fd, class_is_tcp((enum tproxy_class)class));
		if (fd >= 0)
			fds[class] = fd;
		if (!err)
			continue;
		snprintf(ret_why, size, "listener %s:%u: %s (%s)", names[class], port,
			 strerror(-err),
			 err == -EPERM	      ? "start as root, or with CAP_NET_RAW" :
			 err == -EADDRINUSE ? "choose another --listen, or stop what has it" :
					      "check the system's limits");
		return err;
	}
	return 0;
}

int listener_open_all(struct listener_set *set, const struct options *o, char *ret_why,
		      size_t size)
{
	int err = 0;

	memset(set, 0, sizeof(*set));
	memset(set->worker, 0xff, sizeof(set->worker));
	set->workers = o->workers;
	set->rows = o->listen_count;
	set->have_v6 = true;
	for (unsigned int row = 0; row < set->rows && !err; row++)
		err = open_row(set, set->worker[row % set->workers].fds[row], o->listen[row],
			       ret_why, size);
	/* Port 0: after the ports asked for, lest the kernel choose one of them. */
	for (unsigned int i = 1; i < set->workers && !err; i++)
		err = open_row(set, set->worker[i].fds[0], 0, ret_why, size);
	for (unsigned int i = 0; i < set->workers && err; i++)
		listener_close(&set->worker[i]);
	return err;
}

void listener_close(struct listeners *l)
{
	for (int row = 0; row < OPTIONS_MAX_PORTS; row++) {
		for (int class = 0; class < TPROXY_CLASS_MAX; class ++) {
			cleanup_fd(&l->fds[row][class]);
			l->fds[row][class] = -1;
		}
	}
}
