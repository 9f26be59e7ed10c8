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
struct device_chooser {
	int vrf;
	struct nl nl; /* if vrf; opened at the start, since the filter of calls forbids it later */
};

/* 0 or -errno. */
int device_chooser_open(struct device_chooser *chooser, const struct binding *binding);
void device_chooser_close(struct device_chooser *chooser);

/*
 * Ifindex to bind to for this destination, 0: do not bind; or -errno, the one of connect. foreign:
 * the socket will have a foreign address. The socket of an answer to it is looked up while the
 * packet is on a member, where a socket bound to the VRF is not found.
 */
int device_chooser_find(struct device_chooser *chooser, const union saddr *dst, bool foreign);

#endif
