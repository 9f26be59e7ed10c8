/* SPDX-License-Identifier: BSD-2-Clause */
/* The local routes, and where packets leave. */
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/routing/route.h"
#include "tproxy.h"

static const __u8 protocols[] = { TPROXY_RT_PROTOCOL, TPROXY_RT_PROTOCOL_OLD };

/* ---- routes ------------------------------------------------------------- */

static struct nlmsghdr *route_message(struct nl *nl, char *buf, __u16 type, __u16 flags,
				      __u8 family)
{
	struct nlmsghdr *msg = nl_message(nl, buf, type, flags);
	struct rtmsg *hdr = mnl_nlmsg_put_extra_header(msg, sizeof(*hdr));

	hdr->rtm_family = family;
	return msg;
}

/* local default dev lo table T proto P */
static struct nlmsghdr *local_message(struct nl *nl, char *buf, __u16 type, __u16 flags,
				      __u8 family)
{
	struct nlmsghdr *msg = route_message(nl, buf, type, flags, family);
	struct rtmsg *hdr = mnl_nlmsg_get_payload(msg);

	hdr->rtm_type = RTN_LOCAL;
	hdr->rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
	hdr->rtm_protocol = TPROXY_RT_PROTOCOL;
	hdr->rtm_table = RT_TABLE_UNSPEC;
	mnl_attr_put_u32(msg, RTA_OIF, if_nametoindex("lo"));
	return msg;
}

static int add_local(struct nl *nl, __u8 family, __u32 table, __u16 flags)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = local_message(nl, buf, RTM_NEWROUTE, NLM_F_CREATE | flags, family);
	int err;

	mnl_attr_put_u32(msg, RTA_TABLE, table);
	err = nl_request(nl, msg);
	return err == -EEXIST ? 0 : err;
}

int route_local_add(struct nl *nl, __u8 family, __u32 table)
{
	return add_local(nl, family, table, NLM_F_EXCL);
}

/* To IPv6 a route that differs only in its protocol is the same (fib6_add_rt2node). */
int route_local_add_over_old(struct nl *nl, __u8 family, __u32 table)
{
	return add_local(nl, family, table, family == AF_INET ? NLM_F_APPEND : NLM_F_REPLACE);
}

static int del_local(struct nl *nl, __u8 family, __u32 table, __u8 protocol)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = local_message(nl, buf, RTM_DELROUTE, 0, family);
	struct rtmsg *hdr = mnl_nlmsg_get_payload(msg);
	int err;

	hdr->rtm_protocol = protocol;
	mnl_attr_put_u32(msg, RTA_TABLE, table);
	err = nl_request(nl, msg);
	return err == -ESRCH || err == -ENOENT ? 0 : err;
}

int route_local_del_old(struct nl *nl, __u8 family, __u32 table)
{
	return del_local(nl, family, table, TPROXY_RT_PROTOCOL_OLD);
}

int route_local_del(struct nl *nl, __u8 family, __u32 table)
{
	int result = 0;

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		result = first_error(result, del_local(nl, family, table, protocols[i]));
	return result;
}

struct table_walk {
	__u32 table;
	struct route_table found;
};

static int read_table_route(const struct nlmsghdr *msg, void *data)
{
	const struct rtmsg *hdr = mnl_nlmsg_get_payload(msg);
	const struct nlattr *attr[RTA_MAX + 1];
	struct nl_attrs attrs = { attr, RTA_MAX };
	struct table_walk *walk = data;
	bool local = hdr->rtm_type == RTN_LOCAL && !hdr->rtm_dst_len;

	nl_parse(msg, sizeof(*hdr), &attrs);
	if (nl_attr_u32(attr[RTA_TABLE], hdr->rtm_table) != walk->table)
		return MNL_CB_OK;
	if (local && hdr->rtm_protocol == TPROXY_RT_PROTOCOL)
		walk->found.ours = true;
	else if (local && hdr->rtm_protocol == TPROXY_RT_PROTOCOL_OLD)
		walk->found.old = true;
	else
		walk->found.foreign = true;
	return MNL_CB_OK;
}

int route_table_read(struct nl *nl, __u8 family, __u32 table, struct route_table *ret_table)
{
	struct table_walk walk = { .table = table };
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = route_message(nl, buf, RTM_GETROUTE, NLM_F_DUMP, family);
	int err;

	mnl_attr_put_u32(msg, RTA_TABLE, table);
	err = nl_query(nl, msg, read_table_route, &walk);
	if (err && err != -ENOENT) /* there is no such table */
		return err;
	*ret_table = walk.found;
	return 0;
}

int route_local_present(struct nl *nl, __u8 family, __u32 table)
{
	struct route_table found;
	int err = route_table_read(nl, family, table, &found);

	return err ? err : found.ours || found.old;
}

static int read_output(const struct nlmsghdr *msg, void *data)
{
	const struct nlattr *attr[RTA_MAX + 1];
	struct nl_attrs attrs = { attr, RTA_MAX };
	int *ifindex = data;

	nl_parse(msg, sizeof(struct rtmsg), &attrs);
	*ifindex = (int)nl_attr_u32(attr[RTA_OIF], 0);
	return MNL_CB_OK;
}

int route_output(struct nl *nl, __u8 family, const void *addr)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = route_message(nl, buf, RTM_GETROUTE, 0, family);
	struct rtmsg *hdr = mnl_nlmsg_get_payload(msg);
	__u16 len = family == AF_INET ? 4 : 16;
	int ifindex = 0;
	int err;

	hdr->rtm_dst_len = (__u8)(len * 8);
	mnl_attr_put(msg, RTA_DST, len, addr);
	err = nl_query(nl, msg, read_output, &ifindex);
	return err ? err : ifindex;
}
