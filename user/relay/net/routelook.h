/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks the kernel how a flow that exists would leave now. Must not decide what follows from it.
 */
#ifndef TPROXY_RELAY_NET_ROUTELOOK_H
#define TPROXY_RELAY_NET_ROUTELOOK_H

#include "lib/netlink.h"
#include "relay/net/addr.h"

struct route_flow {
	const union saddr *src;
	const union saddr *dst;
	uint8_t proto;
	int device; /* that its socket is bound to, or 0 */
};

struct route_found {
	int ifindex;
	union saddr source; /* address that the kernel would choose; family 0: not known */
};

/*
 * chosen: the flow has its source address; else the kernel chooses one. Both look-ups use its ports,
 * so that where several routes share the load the answer is always the same. 0 or -errno.
 */
int routelook(struct nl *nl, const struct route_flow *flow, bool chosen,
	      struct route_found *ret_found);

#endif
