/* SPDX-License-Identifier: BSD-2-Clause */
/* Network devices and addresses, as the kernel lists them. Reads only. */
#ifndef TPROXY_LIB_DEVICE_H
#define TPROXY_LIB_DEVICE_H

#include <linux/types.h>
#include <net/if.h>

#include "lib/netlink.h"

struct device {
	int ifindex;
	char name[IF_NAMESIZE];
	char kind[16];       /* rtnl_link_ops kind ("veth", "bond", …); empty for hardware */
	char slave_kind[16]; /* kind of its master, if it has one */
	int master;          /* ifindex or 0 */
	int parent;          /* ifindex of the lower device (IFLA_LINK) or 0 */
	unsigned int flags;  /* IFF_* */
};

/* -ENODEV when there is none of that name. */
int device_by_name(struct nl *nl, const char *name, struct device *ret_device);
int device_by_index(struct nl *nl, int ifindex, struct device *ret_device);

/* Every device of the namespace; the caller frees *ret_devices. */
int device_list(struct nl *nl, struct device **ret_devices, size_t *ret_n);
/* Calls cb for each of them, until it returns other than 0; returns that. */
int device_walk(struct nl *nl, int (*cb)(const struct device *device, void *arg), void *arg);

/*
 * Why a program on this device would meet no useful packets, or NULL. *ret_instead: ifindex of the
 * device to use instead, or 0.
 */
const char *device_refusal(const struct device *device, int *ret_instead);

/* ifindex of the VRF of which the device is a member, or 0. */
int device_vrf(const struct device *device);

struct address {
	int ifindex;
	__u8 family;
	__u8 len;          /* prefix length */
	__u8 addr[16];     /* network byte order */
	__u8 broadcast[4]; /* likewise; IPv4 only, 0.0.0.0: none */
};

/* Calls cb for every address of the namespace, until it returns other than 0; returns that. */
int device_addresses(struct nl *nl, int (*cb)(const struct address *address, void *arg), void *arg);
/* As device_addresses, but of one family on one device. */
int device_addresses_of(struct nl *nl, __u8 family, int ifindex,
			int (*cb)(const struct address *address, void *arg), void *arg);

#endif
