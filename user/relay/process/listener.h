/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens the transparent sockets that flows are steered to. Needs CAP_NET_RAW or
 * CAP_NET_ADMIN. Must not accept or register anything.
 *
 * Every worker has a socket of each class. Only the first can have the port the
 * user asked for; the others take any port, since the BPF program names sockets
 * by slot. SO_REUSEPORT is not used: before Linux 6.6 the program cannot assign
 * sockets of a group.
 *
 * Sockets bound to a device are not for the socket map, whose slots serve all
 * devices: rules name them by port, so that there are no others than those asked for.
 */
#ifndef TPROXY_RELAY_PROCESS_LISTENER_H
#define TPROXY_RELAY_PROCESS_LISTENER_H

#include <linux/types.h>

#include "relay/net/port_set.h"
#include "relay/config/options.h"
#include "tproxy.h"

/* The ports asked for, and sockets of a former relay that had more workers. */
#define LISTENER_ROWS (OPTIONS_MAX_PORTS + OPTIONS_MAX_WORKERS)
#define LISTENERS_MAX ((OPTIONS_MAX_PORTS + OPTIONS_MAX_WORKERS) * TPROXY_CLASS_MAX)

/* One worker's sockets, by enum tproxy_class; -1: none. */
struct worker_listeners {
	int fds[LISTENER_ROWS][TPROXY_CLASS_MAX];
};

struct listener_set {
	int device; /* to bind to, 0: none; set before listener_open_all */
	unsigned int workers;
	struct worker_listeners worker[OPTIONS_MAX_WORKERS];
	/* What is registered, borrowed from the workers: the first port and its ways. */
	int ways[OPTIONS_MAX_WORKERS][TPROXY_CLASS_MAX];
	unsigned int way_count[TPROXY_CLASS_MAX];
	struct port_set tcp_ports; /* of all these sockets */
	struct port_set udp_ports;
	bool have_v6;
	bool udp_one_worker; /* all flows of a client have to meet */
};

static inline bool class_is_tcp(enum tproxy_class cls)
{
	return cls == TPROXY_TCP4 || cls == TPROXY_TCP6;
}

struct inherited;

/*
 * Port k beyond the first is served by worker k modulo workers, and so is way k of
 * the first one. What the heritage has is taken from there; all of it is placed or
 * closed afterwards. Without IPv6 in the kernel the set is IPv4 only. 0 or -errno
 * with one line in ret_why (size bytes).
 */
int listener_open_all(struct listener_set *set, const struct options *o,
		      struct inherited *inherited, char *ret_why, size_t size);

/* Where the sockets of port `row` belong, by class; for row 0 those of way 0. */
int *listener_row(struct listener_set *set, unsigned int row);
int *listener_way(struct listener_set *set, unsigned int way);

/* Options that no bind depends on, also for sockets that others have opened. 0 or -errno. */
int listener_set_options(int fd, enum tproxy_class cls);

void listener_close(struct worker_listeners *l);

#endif
