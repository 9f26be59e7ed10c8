/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/net/routelook.h"

#include <linux/rtnetlink.h>
#include <string.h>

static const void *bytes_of(const union saddr *a)
{
	return a->sa.sa_family == AF_INET ? (const void *)&a->v4.sin_addr : &a->v6.sin6_addr;
}

struct reading {
	sa_family_t family;
	struct route_found found;
};

static int read_route(const struct nlmsghdr *msg, void *data)
{
	const struct nlattr *attr[RTA_MAX + 1];
	struct nl_attrs attrs = { attr, RTA_MAX };
	struct reading *r = data;
	size_t len = r->family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);

	nl_parse(msg, sizeof(struct rtmsg), &attrs);
	r->found.ifindex = (int)nl_attr_u32(attr[RTA_OIF], 0);
	if (attr[RTA_PREFSRC] && mnl_attr_get_payload_len(attr[RTA_PREFSRC]) == len)
		r->found.source = saddr_from(r->family, mnl_attr_get_payload(attr[RTA_PREFSRC]), 0);
	return MNL_CB_OK;
}

int routelook(struct nl *nl, const struct route_flow *flow, bool chosen,
	      struct route_found *ret_found)
{
	sa_family_t family = flow->dst->sa.sa_family;
	__u16 len = family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	struct reading reading = { .family = family };
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = nl_message(nl, buf, RTM_GETROUTE, 0);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(msg, sizeof(*route));
	int err;

	route->rtm_family = (__u8)family;
	route->rtm_dst_len = (__u8)(len * 8);
	mnl_attr_put(msg, RTA_DST, len, bytes_of(flow->dst));
	if (chosen) {
		route->rtm_src_len = (__u8)(len * 8);
		mnl_attr_put(msg, RTA_SRC, len, bytes_of(flow->src));
	}
	mnl_attr_put_u8(msg, RTA_IP_PROTO, flow->proto);
	mnl_attr_put_u16(msg, RTA_SPORT, htons(saddr_port(flow->src)));
	mnl_attr_put_u16(msg, RTA_DPORT, htons(saddr_port(flow->dst)));
	if (flow->device)
		mnl_attr_put_u32(msg, RTA_OIF, (__u32)flow->device);
	err = nl_query(nl, msg, read_route, &reading);
	if (!err)
		*ret_found = reading.found;
	return err;
}
