/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/listener.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"
#include "relay/net/arrival.h"
#include "relay/net/sockopt.h"

#define PATIENCE_MS 1000
#define AGAIN_MS 50
#define LISTENER_BACKLOG 4096
#define LISTENER_UDP_RCVBUF (4 * 1024 * 1024)

/* For TCP what accepted sockets inherit, so that accept needs no further calls. */
int listener_set_options(int fd, enum tproxy_class cls)
{
	if (class_is_tcp(cls)) {
		int err = arrival_watch(fd, class_is_v6(cls) ? AF_INET6 : AF_INET);

		return err ? err : sockopt_stream(fd);
	}
	/* The first datagrams of all flows come here. With FORCE net.core.rmem_max does not limit root. */
	if (sockopt_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, LISTENER_UDP_RCVBUF))
		sockopt_int(fd, SOL_SOCKET, SO_RCVBUF, LISTENER_UDP_RCVBUF);
	return class_is_v6(cls) ? sockopt_on(fd, SOL_IPV6, IPV6_RECVORIGDSTADDR) :
				  sockopt_on(fd, SOL_IP, IP_RECVORIGDSTADDR);
}

static int listener_bind(enum tproxy_class cls, uint16_t port, int device)
{
	bool v6 = class_is_v6(cls);
	sa_family_t family = v6 ? AF_INET6 : AF_INET;
	union saddr addr = saddr_loopback(family, port);
	bool tcp = class_is_tcp(cls);
	int type = tcp ? SOCK_STREAM : SOCK_DGRAM;
	__cleanup_close int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = sockopt_device(fd, device);
	if (!err)
		err = sockopt_transparent(fd, family);
	if (!err && v6)
		err = sockopt_on(fd, SOL_IPV6, IPV6_V6ONLY);
	/* For connections of a previous relay in TIME_WAIT. UDP would share the port. */
	if (!err && tcp)
		err = sockopt_on(fd, SOL_SOCKET, SO_REUSEADDR);
	if (!err)
		err = listener_set_options(fd, cls);
	if (err)
		return err;
	if (bind(fd, &addr.sa, saddr_len(&addr)))
		return -errno;
	if (tcp && listen(fd, LISTENER_BACKLOG))
		return -errno;
	return take_fd(&fd);
}

/* The kernel was built or booted without IPv6, or lo has no ::1. */
static bool means_no_v6(int err)
{
	return err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL;
}

/* A relay that is about to end closes its listeners a moment after it stopped to answer others. */
static int bind_patiently(enum tproxy_class cls, uint16_t port, int device)
{
	uint64_t end = monotonic_ms() + PATIENCE_MS;
	int fd = listener_bind(cls, port, device);

	while (fd == -EADDRINUSE && monotonic_ms() < end) {
		usleep(AGAIN_MS * 1000);
		fd = listener_bind(cls, port, device);
	}
	return fd;
}

/* Opens the socket unless there is one. */
static int open_one(struct listener_set *set, int *fd, enum tproxy_class cls, uint16_t port)
{
	if (*fd < 0)
		*fd = class_is_v6(cls) && !set->have_v6 ? -EAFNOSUPPORT :
							  bind_patiently(cls, port, set->device);
	if (*fd >= 0)
		return 0;
	if (!class_is_v6(cls) || !means_no_v6(*fd))
		return *fd;
	set->have_v6 = false;
	return 0;
}

const char *const listener_names[TPROXY_CLASS_MAX] = { "TCP 127.0.0.1", "TCP [::1]",
						       "UDP 127.0.0.1", "UDP [::1]" };

static int open_row(struct listener_set *set, int *fds, uint16_t port, char *ret_why, size_t size)
{
	for (int cls = 0; cls < TPROXY_CLASS_MAX; cls++) {
		int err = open_one(set, &fds[cls], (enum tproxy_class)cls, port);

		if (fds[cls] < 0)
			fds[cls] = -1;
		if (!err)
			continue;
		snprintf(ret_why, size, "listener %s:%u: %s (%s)", listener_names[cls], port,
			 strerror(-err),
			 err == -EPERM      ? "start as root, or with CAP_NET_RAW" :
			 err == -EADDRINUSE ? "choose another --listen, or stop what has it" :
					      "check the system's limits");
		return err;
	}
	return 0;
}

int *listener_row(struct listener_set *set, unsigned int row)
{
	return set->worker[row % set->workers].fds[row];
}

/*
 * Row 0 has the first way of each worker. A previous relay may have had more workers: their ways
 * have rows of their own.
 */
int *listener_way(struct listener_set *set, unsigned int way)
{
	unsigned int round = way / set->workers;

	return set->worker[way % set->workers].fds[round ? OPTIONS_MAX_PORTS + round : 0];
}

static bool has_any(const int *fds)
{
	for (int cls = 0; cls < TPROXY_CLASS_MAX; cls++)
		if (fds[cls] >= 0)
			return true;
	return false;
}

static void note_ways(struct listener_set *set)
{
	for (int cls = 0; cls < TPROXY_CLASS_MAX; cls++) {
		for (unsigned int way = 0; way < OPTIONS_MAX_WORKERS; way++) {
			const int *fd = &listener_way(set, way)[cls];

			if (*fd >= 0)
				set->ways[set->way_count[cls]++][cls] = fd;
		}
	}
}

void listener_set_init(struct listener_set *set, const struct options *o, int device)
{
	*set = (struct listener_set){ .device = device,
				      .workers = o->workers,
				      .have_v6 = true,
				      .udp_one_worker = o->udp_full_cone };
	memset(set->worker, 0xff, sizeof(set->worker)); /* -1 everywhere */
}

int listener_open_missing(struct listener_set *set, const struct options *o, char *ret_why,
			  size_t size)
{
	int err = 0;

	for (unsigned int row = 0; row < o->listen_count && !err; row++)
		err = open_row(set, listener_row(set, row), o->listen[row], ret_why, size);
	/* Port 0: after the ports asked for, or the kernel might choose one of them. */
	for (unsigned int way = 1; way < OPTIONS_MAX_WORKERS && !set->device && !err; way++)
		if (way < set->workers || has_any(listener_way(set, way)))
			err = open_row(set, listener_way(set, way), 0, ret_why, size);
	note_ways(set);
	listener_note_ports(set, o);
	for (unsigned int i = 0; i < set->workers && err; i++)
		listener_close(&set->worker[i]);
	return err;
}

/* ---- ports -------------------------------------------------------------- */

static uint16_t port_of(int fd)
{
	union saddr addr = { 0 };
	socklen_t len = sizeof(addr);

	return getsockname(fd, &addr.sa, &len) ? 0 : saddr_port(&addr);
}

static void note_port(struct listener_set *set, const struct listener_id *id,
		      struct port_set *ports)
{
	uint16_t *noted = &set->ports[id->worker][id->row][id->cls];
	int fd = set->worker[id->worker].fds[id->row][id->cls];

	if (fd < 0)
		return;
	*noted = port_of(fd) ?: *noted;
	port_set_add(ports, *noted);
}

static void note_class(struct listener_set *set, enum tproxy_class cls, struct port_set *ports)
{
	for (unsigned int worker = 0; worker < OPTIONS_MAX_WORKERS; worker++)
		for (unsigned int row = 0; row < LISTENER_ROWS; row++)
			note_port(set, &(struct listener_id){ worker, row, cls }, ports);
}

void listener_note_ports(struct listener_set *set, const struct options *o)
{
	struct port_set tcp = { { 0 } };
	struct port_set udp;

	for (unsigned int i = 0; i < o->listen_count; i++)
		port_set_add(&tcp, o->listen[i]);
	udp = tcp;
	for (enum tproxy_class cls = 0; cls < TPROXY_CLASS_MAX; cls++)
		note_class(set, cls, class_is_tcp(cls) ? &tcp : &udp);
	port_set_replace(&set->tcp_ports, &tcp);
	port_set_replace(&set->udp_ports, &udp);
}

/* ---- opened again ------------------------------------------------------- */

int *listener_at(struct listener_set *set, const struct listener_id *id)
{
	if (id->worker >= set->workers || id->row >= LISTENER_ROWS || id->cls >= TPROXY_CLASS_MAX)
		return NULL;
	return &set->worker[id->worker].fds[id->row][id->cls];
}

uint16_t listener_asked_port(const struct options *o, const struct listener_id *id)
{
	if (id->row >= o->listen_count || (!id->row && id->worker))
		return 0;
	return o->listen[id->row];
}

int listener_open_again(const struct listener_set *set, const struct options *o,
			const struct listener_id *id)
{
	return listener_bind(id->cls, listener_asked_port(o, id), set->device);
}

/*
 * A closed TCP socket does not listen. UDP: udp_abort takes the port away from a socket whose port
 * the kernel had chosen; others keep theirs, and keep receiving.
 */
bool listener_is_dead(int fd, enum tproxy_class cls)
{
	struct pollfd look = { .fd = fd, .events = POLLRDHUP };
	int listens = 0;
	socklen_t len = sizeof(listens);

	if (class_is_tcp(cls))
		return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) || !listens;
	return !port_of(fd) ||
	       (poll(&look, 1, 0) > 0 && look.revents & (POLLRDHUP | POLLHUP | POLLNVAL));
}

void listener_close_dead(int *fd, enum tproxy_class cls)
{
	if (*fd < 0)
		return;
	if (class_is_tcp(cls))
		sockopt_on(*fd, SOL_SOCKET, SO_REUSEADDR);
	close(*fd);
	*fd = -1;
}

int listener_bind_device(int fd, int device)
{
	int bound = 0;
	socklen_t len = sizeof(bound);

	if (!getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &bound, &len) && bound == device)
		return 0;
	return sockopt_device(fd, device);
}

void listener_close(struct worker_listeners *l)
{
	for (int row = 0; row < LISTENER_ROWS; row++) {
		for (int cls = 0; cls < TPROXY_CLASS_MAX; cls++) {
			cleanup_fd(&l->fds[row][cls]);
			l->fds[row][cls] = -1;
		}
	}
}
