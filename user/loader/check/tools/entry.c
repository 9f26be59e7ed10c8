/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/tools/entry.h"

#include <net/if.h>
#include <string.h>

#include "kernel/maps/policy_maps.h"
#include "kernel/routing/return_route.h"
#include "loader/steps/iface.h"

/* ifindex, -ENETUNREACH without a return route, or -EADDRINUSE for an address of this host. */
static int return_route(struct session *session, const struct endpoint *src, int vrf)
{
	const struct return_route_query query = { .family = src->family,
						  .addr = src->addr,
						  .vrf = vrf };
	struct return_route route;
	int err = return_route_find(&session->nl, &query, &route);

	if (err)
		return err;
	return route.own ? -EADDRINUSE : route.ifindex;
}

/* The VRF of the source is unknown: the first that routes to it by an attached member. */
static int return_route_in_vrf(struct session *session, const struct endpoint *src)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	int ifindex = -ENETUNREACH;
	size_t n = 0;

	if (session->state.map[MAP_IFACES] < 0 || policy_maps_ifaces(&session->state, &ifaces, &n))
		return ifindex;
	for (size_t i = 0; i < n; i++) {
		if (!ifaces[i].value.vrf)
			continue;
		ifindex = return_route(session, src, (int)ifaces[i].value.vrf);
		if (ifindex > 0 && iface_is_attached(session, ifindex))
			return ifindex;
	}
	return -ENETUNREACH;
}

/* Without a return route there is only one possibility if one interface is attached. */
static int only_attached(const struct session *session, char *ret_name)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0, found = 0;

	if (session->state.map[MAP_IFACES] < 0 || policy_maps_ifaces(&session->state, &ifaces, &n))
		return -ENOENT;
	for (size_t i = 0; i < n; i++) {
		if (!(ifaces[i].value.roles & TPROXY_ROLE_POLICY))
			continue;
		found++;
		snprintf(ret_name, IF_NAMESIZE, "%.*s", IF_NAMESIZE - 1, ifaces[i].value.name);
	}
	return found == 1 ? 0 : -ENOTUNIQ;
}

int entry_find(struct session *session, const struct endpoint *src)
{
	int main_table = return_route(session, src, 0), ifindex = main_table;

	if (ifindex < 0 || !iface_is_attached(session, ifindex))
		ifindex = return_route_in_vrf(session, src);
	return ifindex < 0 ? main_table : ifindex;
}

int entry_of(struct session *session, const struct endpoint *src, char *ret_name)
{
	int ifindex = entry_find(session, src);

	if (ifindex == -EADDRINUSE)
		return app_usage_error("test: the source is an address of this host, whose own "
				       "flows enter by no interface (--local, or --in IF)");
	if (ifindex > 0 && if_indextoname((unsigned int)ifindex, ret_name))
		return EXIT_DONE;
	if (!only_attached(session, ret_name))
		return EXIT_DONE;
	return app_usage_error("test: no route leads back to the source: which interface does the "
			       "flow enter by? (--in IF)");
}
