/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/routing/return_route.h"

#include <linux/neighbour.h>
#include <string.h>
#include <sys/socket.h>

struct reading {
	const struct return_route_query *query;
	struct return_route route;
	bool any; /* it has a next hop */
};

static __u16 length_of(__u8 family)
{
	return family == AF_INET ? 4 : 16;
}

/* gateway and via may be NULL. */
static void read_hop(struct reading *r, int ifindex, const struct nlattr *gateway,
		     const struct nlattr *via)
{
	struct return_route *route = &r->route;

	route->by_asked |= ifindex == r->query->ifindex;
	if (r->any)
		return;
	r->any = true;
	route->ifindex = ifindex;
	route->hop_family = r->query->family;
	if (gateway) {
		memcpy(route->hop, mnl_attr_get_payload(gateway), length_of(route->hop_family));
	} else if (via) { /* an IPv4 route via an IPv6 gateway */
		const struct rtvia *to = mnl_attr_get_payload(via);

		route->hop_family = (__u8)to->rtvia_family;
		memcpy(route->hop, to->rtvia_addr, length_of(route->hop_family));
	} else {
		memcpy(route->hop, r->query->addr, length_of(route->hop_family));
	}
}

static void read_hops(struct reading *r, const struct nlattr *multipath)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(multipath);
	int left = mnl_attr_get_payload_len(multipath);

	for (; RTNH_OK(hop, left); left -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
		const struct nlattr *first = (const void *)RTNH_DATA(hop);
		const struct nlattr *attr, *gateway = NULL, *via = NULL;

		mnl_attr_for_each_payload(first, (hop->rtnh_len - sizeof(*hop))) {
			if (mnl_attr_get_type(attr) == RTA_GATEWAY)
				gateway = attr;
			if (mnl_attr_get_type(attr) == RTA_VIA)
				via = attr;
		}
		read_hop(r, hop->rtnh_ifindex, gateway, via);
	}
}

static int read_route(const struct nlmsghdr *msg, void *data)
{
	const struct rtmsg *hdr = mnl_nlmsg_get_payload(msg);
	const struct nlattr *attr[RTA_MAX + 1];
	struct nl_attrs attrs = { attr, RTA_MAX };
	struct reading *r = data;

	nl_parse(msg, sizeof(*hdr), &attrs);
	r->route.own = hdr->rtm_type == RTN_LOCAL;
	if (attr[RTA_MULTIPATH])
		read_hops(r, attr[RTA_MULTIPATH]);
	else if (attr[RTA_OIF])
		read_hop(r, (int)mnl_attr_get_u32(attr[RTA_OIF]), attr[RTA_GATEWAY], attr[RTA_VIA]);
	return MNL_CB_OK;
}

/* Asks for the entry itself (FIB_MATCH), which has all its next hops. */
int return_route_find(struct nl *nl, const struct return_route_query *query,
		      struct return_route *ret_route)
{
	struct reading reading = { .query = query };
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = nl_message(nl, buf, RTM_GETROUTE, 0);
	struct rtmsg *hdr = mnl_nlmsg_put_extra_header(msg, sizeof(*hdr));
	__u16 len = length_of(query->family);
	int err;

	hdr->rtm_family = query->family;
	hdr->rtm_dst_len = (__u8)(len * 8);
	hdr->rtm_flags = RTM_F_FIB_MATCH;
	mnl_attr_put(msg, RTA_DST, len, query->addr);
	if (query->mark)
		mnl_attr_put_u32(msg, RTA_MARK, query->mark);
	if (query->vrf)
		mnl_attr_put_u32(msg, RTA_OIF, (__u32)query->vrf);
	err = nl_query(nl, msg, read_route, &reading);
	if (err)
		return err;
	if (!reading.any)
		return -ENETUNREACH;
	*ret_route = reading.route;
	return 0;
}

/* ---- the first hop ------------------------------------------------------ */

static int read_neighbour(const struct nlmsghdr *msg, void *data)
{
	const struct ndmsg *hdr = mnl_nlmsg_get_payload(msg);
	__u16 *state = data;

	*state = hdr->ndm_state;
	return MNL_CB_OK;
}

int return_route_hop_is_dead(struct nl *nl, const struct return_route *route)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = nl_message(nl, buf, RTM_GETNEIGH, 0);
	struct ndmsg *hdr = mnl_nlmsg_put_extra_header(msg, sizeof(*hdr));
	__u16 state = NUD_NONE;
	int err;

	hdr->ndm_family = route->hop_family;
	hdr->ndm_ifindex = route->ifindex;
	mnl_attr_put(msg, NDA_DST, length_of(route->hop_family), route->hop);
	err = nl_query(nl, msg, read_neighbour, &state);
	return !err && (state & (NUD_FAILED | NUD_INCOMPLETE));
}
