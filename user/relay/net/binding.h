/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device that all flows come in by, when the user names one, and what sockets have to be
 * bound to then. A VRF's member keeps its flows apart from all others: the data path finds
 * sockets bound to the member only, and only sockets bound to the VRF or to a member of it are
 * routed there (inet_sk_bound_dev_eq, l3mdev_update_flow).
 */
#ifndef TPROXY_RELAY_NET_BINDING_H
#define TPROXY_RELAY_NET_BINDING_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/netlink.h"
#include "relay/net/addr.h"

struct binding {
	int in;  /* ifindex, of listeners and of sockets towards clients; 0: any device */
	int vrf; /* ifindex, of sockets towards destinations; 0: it is in none */
	char vrf_name[IF_NAMESIZE];
};

/* Asks the kernel about the device. 0, or -errno with one line in ret_why (size bytes). */
int binding_find(const char *name, struct binding *ret_binding, char *ret_why, size_t size);

/* Chooses devices for the sockets of one worker towards destinations. */
struct egress {
	int vrf;
	bool by_route; /* sockets have clients' addresses */
	struct nl nl;  /* if by_route */
};

/*
 * foreign: sockets will have foreign addresses. Answers to these are looked for while they
 * enter by a member, where what is bound to the VRF is not found. 0 or -errno.
 */
int egress_open(struct egress *e, const struct binding *binding, bool foreign);
void egress_close(struct egress *e);

/* Ifindex to bind to for this destination, 0: do not bind; or -errno, as connect would say. */
int egress_device(struct egress *e, const union saddr *dst, bool foreign);

#endif
