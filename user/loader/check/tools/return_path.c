/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/tools/return_path.h"

#include <arpa/inet.h>
#include <string.h>

#include "kernel/routing/return_route.h"
#include "kernel/routing/route.h"

static struct problem *add(struct checkup *c, const struct client *client, const char *id,
			   enum verdict verdict)
{
	struct problem *p =
		problem_add(&c->problems, id, verdict,
			    (const char *)client->iface->iface.value.name, client->rule);

	problem_concerns(p, client->classes);
	return p;
}

static int strictness(const char *ifname)
{
	__cleanup_file FILE *file = NULL;
	char path[128];
	int value = 0;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", ifname);
	file = fopen(path, "re");
	return file && fscanf(file, "%d", &value) == 1 ? value : 0;
}

/* The larger of both counts (IN_DEV_RPFILTER); 1 is strict, RFC 3704. */
static bool is_strict(const struct client *client)
{
	int all = strictness("all"), own = strictness(client->iface->device.name);

	return client->family == AF_INET && (all > own ? all : own) == 1;
}

static bool no_route(struct checkup *c, const struct client *client, const char *address, int err)
{
	struct problem *p = add(c, client, "no-return-route", VERDICT_BROKEN);

	problem_text(p, "there is no route back to %s: %s; its flows get no answer", address,
		     strerror(-err));
	problem_next(p, "ip -%c route add PREFIX dev %s, for its clients",
		     route_family_digit(client->family), client->iface->device.name);
	return true;
}

static bool other_way(struct checkup *c, const struct client *client, const char *address,
		      const struct return_route *route)
{
	const char *name = client->iface->device.name;
	struct problem *p = add(c, client, "rp-filter", VERDICT_BROKEN);
	char out[IF_NAMESIZE] = "another";

	if_indextoname((unsigned int)route->ifindex, out);
	problem_text(p,
		     "the route back to %s leaves by %s, and rp_filter is strict: the kernel "
		     "drops its packets",
		     address, out);
	problem_next(p, "sysctl -w net/ipv4/conf/%s/rp_filter=2; or add a route back by %s", name,
		     name);
	return true;
}

static bool dead_hop(struct checkup *c, const struct client *client, const char *address,
		     const struct return_route *route)
{
	char hop[INET6_ADDRSTRLEN], out[IF_NAMESIZE] = "its interface";
	struct problem *p = add(c, client, "no-neighbour", client->dead_hop);

	inet_ntop(route->hop_family, route->hop, hop, sizeof(hop));
	if_indextoname((unsigned int)route->ifindex, out);
	problem_text(p, "%s does not answer %s on %s: answers cannot reach %s", hop,
		     route->hop_family == AF_INET ? "ARP" : "neighbour discovery", out, address);
	problem_next(p, "ip neigh show %s dev %s", hop, out);
	return true;
}

bool return_path_check(struct checkup *c, const struct client *client)
{
	const struct device *device = &client->iface->device;
	const struct return_route_query query = {
		.family = client->family,
		.addr = client->addr,
		.vrf = device_vrf(device),
		.ifindex = device->ifindex,
	};
	char address[INET6_ADDRSTRLEN];
	struct return_route route;
	int err = return_route_find(&c->session->nl, &query, &route);

	inet_ntop(client->family, client->addr, address, sizeof(address));
	if (err == -EPERM || err == -ENOMEM || err == -ENOBUFS)
		return false; /* it cannot be found out */
	if (err)
		return no_route(c, client, address, err);
	if (!route.own && !route.by_asked && !query.vrf && is_strict(client))
		return other_way(c, client, address, &route);
	if (!route.own && return_route_hop_is_dead(&c->session->nl, &route))
		return dead_hop(c, client, address, &route);
	return false;
}
