/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local routes that lead own traffic to lo: `default` in a table of its own for marked packets,
 * and those of tokens in the table local. Their source address is the one
 * that the packets would have without tproxy. Decides nothing; the rule is one of rules.h.
 */
#ifndef TPROXY_KERNEL_ROUTING_OWN_ROUTE_H
#define TPROXY_KERNEL_ROUTING_OWN_ROUTE_H

#include <linux/types.h>
#include <stdbool.h>

#include "lib/netlink.h"
#include "tproxy_own.h"

/* The address that this host sends from, and where. */
struct own_source {
	bool found;
	__u8 addr[16]; /* network byte order */
	__u32 out;     /* ifindex of the default route; 0: there is none */
};
int own_source_find(struct nl *nl, __u8 family, struct own_source *ret_source);

/* Can packets have this source address? Not one of loopback, nor of the link only. */
bool own_source_is_usable(__u8 family, const __u8 *addr);

struct own_route {
	__u8 family;
	__u8 len; /* of the prefix; 0: default */
	__u8 dst[16];
	__u32 table;
};

/* Those that a configuration needs: for our mark, and for tokens. */
struct own_route own_route_marked(__u8 family, const struct tproxy_own *config);
struct own_route own_route_tokens(__u8 family, const struct tproxy_own *config);

/* *ret_source: the one of the route; without one it has no address. */
int own_route_find(struct nl *nl, const struct own_route *route, bool *ret_there,
		   struct own_source *ret_source);
/* Adds it, or gives it another source without a gap. */
int own_route_set(struct nl *nl, const struct own_route *route, const __u8 *source);
/* 0 also if there is none. */
int own_route_del(struct nl *nl, const struct own_route *route);

/* Is a packet with this mark, which this host sends, delivered here? 0, -EXDEV or -errno. */
int own_route_prove(struct nl *nl, __u8 family, __u32 mark);

#endif
