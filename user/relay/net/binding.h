/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device by which all flows come in, if the user names one, and the devices that sockets must
 * be bound to then. Flows of a VRF's member are apart from all others: the data path finds only
 * sockets that are bound to the member, and only sockets that are bound to the VRF or to a member
 * are routed there (inet_sk_bound_dev_eq, l3mdev_update_flow). Must not open sockets of flows.
 */
#ifndef TPROXY_RELAY_NET_BINDING_H
#define TPROXY_RELAY_NET_BINDING_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/netlink.h"
#include "relay/net/addr.h"

struct binding {
	int in;  /* ifindex for listeners and sockets towards clients; 0: any device */
	int vrf; /* ifindex for sockets towards destinations; 0: `in` is in no VRF */
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
 * foreign: sockets will have foreign addresses. The socket of an answer to these is looked up while
 * the packet is on a member, where a socket bound to the VRF is not found. 0 or -errno.
 */
int egress_open(struct egress *e, const struct binding *binding, bool foreign);
void egress_close(struct egress *e);

/* Ifindex to bind to for this destination, 0: do not bind; or -errno, the one of connect. */
int egress_device(struct egress *e, const union saddr *dst, bool foreign);

#endif
