/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The transparent sockets that flows are steered to: which there are, and opening them. Needs
 * CAP_NET_RAW or CAP_NET_ADMIN. Must not accept or register anything, nor know where sockets
 * come from that it did not open.
 *
 * Every worker has a socket of each class. Only the first can have the port the
 * user asked for; the others take any port, since the BPF program names sockets
 * by slot. SO_REUSEPORT is not used: before Linux 6.6 the program cannot assign
 * sockets of a group.
 *
 * Sockets bound to a device are not for the socket map, whose slots serve all devices. Rules name
 * them by port, so only the ports that the user asked for are opened.
 */
#ifndef TPROXY_RELAY_PROCESS_LISTENER_H
#define TPROXY_RELAY_PROCESS_LISTENER_H

#include <linux/types.h>

#include "relay/config/options.h"
#include "relay/net/port_set.h"
#include "relay/process/listener_id.h"

/* The ports asked for, and sockets of a previous relay that had more workers. */
#define LISTENER_ROWS (OPTIONS_MAX_PORTS + OPTIONS_MAX_WORKERS)
#define LISTENERS_MAX (LISTENER_ROWS * TPROXY_CLASS_MAX)

/* One worker's sockets, by enum tproxy_class; -1: none. */
struct worker_listeners {
	int fds[LISTENER_ROWS][TPROXY_CLASS_MAX];
};

struct listener_set {
	int device; /* to bind to, 0: none */
	unsigned int workers;
	struct worker_listeners worker[OPTIONS_MAX_WORKERS];
	uint16_t ports[OPTIONS_MAX_WORKERS][LISTENER_ROWS][TPROXY_CLASS_MAX]; /* the latest ones */
	/* What is registered, borrowed from the workers: the first port and its ways. */
	const int *ways[OPTIONS_MAX_WORKERS][TPROXY_CLASS_MAX];
	unsigned int way_count[TPROXY_CLASS_MAX];
	struct port_set tcp_ports; /* of all these sockets; any thread may read them */
	struct port_set udp_ports;
	bool have_v6;
	bool udp_one_worker; /* all flows of a client have to meet */
};

/*
 * Makes an empty set for these options. Port k beyond the first is served by worker k modulo
 * workers, and so is way k of the first one.
 */
void listener_set_init(struct listener_set *set, const struct options *o, int device);

/*
 * Opens what the options ask for and the set does not have yet. Without IPv6 in the kernel the set
 * is IPv4 only. 0, or -errno with one line in ret_why (size bytes) and the set closed.
 */
int listener_open_missing(struct listener_set *set, const struct options *o, char *ret_why,
			  size_t size);

/* Where the sockets of port `row` belong, by class; for row 0 those of way 0. */
int *listener_row(struct listener_set *set, unsigned int row);
int *listener_way(struct listener_set *set, unsigned int way);

/* NULL: the set has no such place. */
int *listener_at(struct listener_set *set, const struct listener_id *id);

/*
 * Opens the socket of this place once more, as at the start: with the port that was asked for, if
 * it has one of these. A descriptor, which is not put into the set, or -errno.
 */
int listener_open_again(const struct listener_set *set, const struct options *o,
			const struct listener_id *id);

/* The port that was asked for, or 0: any. */
uint16_t listener_asked_port(const struct options *o, const struct listener_id *id);

/* After a change of the set: finds out all ports. A port that was asked for is always one of them. */
void listener_note_ports(struct listener_set *set, const struct options *o);

/* No flow can come from it any more: it was destroyed (SOCK_DESTROY) or shut down. */
bool listener_is_dead(int fd, enum tproxy_class cls);

/*
 * Closes a dead one, whose place a new one is to take. Others may hold it, too, such as systemd: a
 * TCP port can then be bound again nevertheless.
 */
void listener_close_dead(int *fd, enum tproxy_class cls);

/* SOCK_DESTROY unbinds a socket from its device. Without a privilege. 0 or -errno. */
int listener_bind_device(int fd, int device);

extern const char *const listener_names[TPROXY_CLASS_MAX];

/* Options that may be set after bind, also on sockets that others opened. 0 or -errno. */
int listener_set_options(int fd, enum tproxy_class cls);

void listener_close(struct worker_listeners *l);

#endif
