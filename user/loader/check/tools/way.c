/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/tools/way.h"

#include <sys/socket.h>

#include "kernel/routing/return_route.h"
#include "loader/check/tools/neighbourhood.h"

int way_to(struct checkup *c, const struct checked_iface *iface, __u8 family, const __u8 *addr)
{
	const struct return_route_query query = { .family = family,
						  .addr = addr,
						  .vrf = device_vrf(&iface->device) };
	struct return_route route;

	if (return_route_find(&c->session->nl, &query, &route) || route.own)
		return 0;
	return route.ifindex;
}

static int default_way(struct checkup *c, const struct checked_iface *iface, __u8 family)
{
	struct endpoint stranger;

	neighbourhood_stranger(family, &stranger);
	return way_to(c, iface, family, stranger.addr);
}

/* Do hosts behind the interface have IPv6 addresses that the world can answer? */
static bool speaks_ipv6(struct checkup *c, const struct checked_iface *iface)
{
	struct endpoint client;

	return !neighbourhood_client(&c->session->nl, iface->device.ifindex, AF_INET6, &client);
}

bool way_leads_to_ipv6(struct checkup *c, const struct checked_iface *iface)
{
	const int out = default_way(c, iface, AF_INET6);

	return out && out != iface->device.ifindex && speaks_ipv6(c, iface);
}
