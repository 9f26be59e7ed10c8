/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens the transparent sockets that flows are steered to. Needs CAP_NET_RAW or
 * CAP_NET_ADMIN. Must not accept or register anything.
 *
 * Every worker has a socket of each class. Only the first can have the port the
 * user asked for; the others take any port, since the BPF program names sockets
 * by slot. SO_REUSEPORT is not used: before Linux 6.6 the program cannot assign
 * sockets of a group.
 */
#ifndef TPROXY_RELAY_LISTENER_H
#define TPROXY_RELAY_LISTENER_H

#include <linux/types.h>

#include "relay/dest.h"
#include "relay/options.h"
#include "tproxy.h"

/* One worker's sockets, by enum tproxy_class; -1: none. Row 0 is registered. */
struct listeners {
	int fds[OPTIONS_MAX_PORTS][TPROXY_CLASS_MAX];
};

struct listener_set {
	unsigned int workers;
	unsigned int rows; /* ports */
	struct listeners worker[OPTIONS_MAX_WORKERS];
	struct port_set tcp_ports; /* of all these sockets */
	struct port_set udp_ports;
	bool have_v6;
};

static inline bool class_is_tcp(enum tproxy_class class)
{
	return class == TPROXY_TCP4 || class == TPROXY_TCP6;
}

/*
 * Port k beyond the first is served by worker k modulo workers. Without IPv6 in the
 * kernel the set is IPv4 only. 0 or -errno with one line in ret_why (size bytes).
 */
int listener_open_all(struct listener_set *set, const struct options *o, char *ret_why,
		      size_t size);

void listener_close(struct listeners *l);

#endif
