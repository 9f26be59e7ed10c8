/* SPDX-License-Identifier: BSD-2-Clause */
/* The return route to a client: the route that an answer takes, and its first hop. Reads only. */
#ifndef TPROXY_KERNEL_ROUTING_RETURN_ROUTE_H
#define TPROXY_KERNEL_ROUTING_RETURN_ROUTE_H

#include <linux/types.h>
#include <stdbool.h>

#include "lib/netlink.h"

struct return_route {
	int ifindex;     /* by which the answer leaves; with several next hops, by the first */
	bool own;        /* the address is this host's */
	bool by_asked;   /* one of its next hops leaves by the device of the query */
	__u8 hop_family; /* of the first hop: the gateway, or the address itself */
	__u8 hop[16];    /* network byte order */
};

struct return_route_query {
	__u8 family;
	const __u8 *addr; /* 4 or 16 bytes */
	__u32 mark;       /* of the packet that is looked up; 0: none */
	int vrf;          /* whose table is asked; 0: none */
	int ifindex;      /* see by_asked; 0: none */
};

/* 0; -ENETUNREACH or another -errno if there is no return route. */
int return_route_find(struct nl *nl, const struct return_route_query *query,
		      struct return_route *ret_route);

/* 1: the first hop does not answer (ARP, neighbour discovery); 0: it does, or was not asked. */
int return_route_hop_is_dead(struct nl *nl, const struct return_route *route);

#endif
