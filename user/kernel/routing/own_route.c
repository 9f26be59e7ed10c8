/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/routing/own_route.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/device.h"
#include "tproxy.h"

static __u16 addr_len(__u8 family)
{
	return family == AF_INET ? 4 : 16;
}

static struct nlmsghdr *route_message(struct nl *nl, char *buf, __u16 type, __u16 flags,
				      __u8 family)
{
	struct nlmsghdr *msg = nl_message(nl, buf, type, flags);
	struct rtmsg *hdr = mnl_nlmsg_put_extra_header(msg, sizeof(*hdr));

	hdr->rtm_family = family;
	return msg;
}

/* ---- look-ups ----------------------------------------------------------- */

struct output {
	__u8 type;
	__u32 ifindex;
	bool has_source;
	__u8 source[16];
};

static void take_address(const struct nlattr *attr, __u8 family, bool *ret_has, __u8 *ret_addr)
{
	*ret_has = attr && mnl_attr_get_payload_len(attr) == addr_len(family);
	if (*ret_has)
		memcpy(ret_addr, mnl_attr_get_payload(attr), addr_len(family));
}

static int read_output(const struct nlmsghdr *msg, void *data)
{
	const struct rtmsg *hdr = mnl_nlmsg_get_payload(msg);
	const struct nlattr *attr[RTA_MAX + 1];
	struct nl_attrs attrs = { attr, RTA_MAX };
	struct output *out = data;

	nl_parse(msg, sizeof(*hdr), &attrs);
	out->type = hdr->rtm_type;
	out->ifindex = nl_attr_u32(attr[RTA_OIF], 0);
	take_address(attr[RTA_PREFSRC], hdr->rtm_family, &out->has_source, out->source);
	return MNL_CB_OK;
}

/* Addresses of a root server: public ones, of which no host has a nearer route by accident. */
static const __u8 public4[] = { 198, 41, 0, 4 };
static const __u8 public6[] = { 0x20, 0x01, 0x05, 0x03, 0xba, 0x3e, [11] = 2, [15] = 0x30 };

static int look_up(struct nl *nl, __u8 family, __u32 mark, struct output *ret_out)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = route_message(nl, buf, RTM_GETROUTE, 0, family);
	struct rtmsg *hdr = mnl_nlmsg_get_payload(msg);

	hdr->rtm_dst_len = (__u8)(addr_len(family) * 8);
	mnl_attr_put(msg, RTA_DST, addr_len(family),
		     family == AF_INET ? (const void *)public4 : public6);
	if (mark)
		mnl_attr_put_u32(msg, RTA_MARK, mark);
	*ret_out = (struct output){ .type = RTN_UNSPEC };
	return nl_query(nl, msg, read_output, ret_out);
}

int own_route_prove(struct nl *nl, __u8 family, __u32 mark)
{
	struct output out;
	int err = look_up(nl, family, mark, &out);

	if (err == -ENETUNREACH || err == -EHOSTUNREACH || (!err && out.type != RTN_LOCAL))
		return -EXDEV;
	return err;
}

/* ---- the source --------------------------------------------------------- */

struct first {
	__u8 family;
	bool found;
	__u8 addr[16];
};

bool own_source_is_usable(__u8 family, const __u8 *a)
{
	static const __u8 loopback6[16] = { [15] = 1 };

	if (family == AF_INET)
		return a[0] != 127 && !(a[0] == 169 && a[1] == 254);
	return memcmp(a, loopback6, sizeof(loopback6)) && !(a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
}

static int take_first(const struct address *address, void *arg)
{
	struct first *first = arg;

	if (address->family != first->family ||
	    !own_source_is_usable(address->family, address->addr))
		return 0;
	first->found = true;
	memcpy(first->addr, address->addr, sizeof(first->addr));
	return 1;
}

int own_source_find(struct nl *nl, __u8 family, struct own_source *ret_source)
{
	struct first first = { .family = family };
	struct output out;
	int err = look_up(nl, family, 0, &out);

	*ret_source = (struct own_source){ .found = false };
	if (!err && out.type == RTN_UNICAST && out.ifindex != if_nametoindex("lo")) {
		ret_source->out = out.ifindex;
		ret_source->found = out.has_source && own_source_is_usable(family, out.source);
		memcpy(ret_source->addr, out.source, sizeof(out.source));
		if (ret_source->found)
			return 0;
	}
	err = device_addresses_of(nl, family, 0, take_first, &first);
	if (err < 0)
		return err;
	ret_source->found = first.found;
	memcpy(ret_source->addr, first.addr, sizeof(first.addr));
	return 0;
}

/* ---- routes ------------------------------------------------------------- */

#define TOKEN4_LEN 16
#define TOKEN6_LEN 96

struct own_route own_route_marked(__u8 family, const struct tproxy_own *config)
{
	return (struct own_route){ .family = family, .table = config->table };
}

struct own_route own_route_tokens(__u8 family, const struct tproxy_own *config)
{
	const __be32 token4 = htonl(TPROXY_OWN_TOKEN4);
	struct own_route route = { .family = family, .table = RT_TABLE_LOCAL };

	route.len = family == AF_INET ? TOKEN4_LEN : TOKEN6_LEN;
	if (family == AF_INET)
		memcpy(route.dst, &token4, sizeof(token4));
	else
		memcpy(route.dst, config->token6, sizeof(config->token6));
	return route;
}

/* local DST dev lo table T proto P */
static struct nlmsghdr *local_message(struct nl *nl, char *buf, __u16 type, __u16 flags,
				      const struct own_route *route)
{
	struct nlmsghdr *msg = route_message(nl, buf, type, flags, route->family);
	struct rtmsg *hdr = mnl_nlmsg_get_payload(msg);

	hdr->rtm_type = RTN_LOCAL;
	hdr->rtm_scope = route->family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
	hdr->rtm_protocol = TPROXY_RT_PROTOCOL;
	hdr->rtm_table = RT_TABLE_UNSPEC;
	hdr->rtm_dst_len = route->len;
	if (route->len)
		mnl_attr_put(msg, RTA_DST, addr_len(route->family), route->dst);
	mnl_attr_put_u32(msg, RTA_OIF, if_nametoindex("lo"));
	mnl_attr_put_u32(msg, RTA_TABLE, route->table);
	return msg;
}

int own_route_set(struct nl *nl, const struct own_route *route, const __u8 *source)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg =
		local_message(nl, buf, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route);

	mnl_attr_put(msg, RTA_PREFSRC, addr_len(route->family), source);
	return nl_request(nl, msg);
}

int own_route_del(struct nl *nl, const struct own_route *route)
{
	char buf[NL_BUFFER];
	int err = nl_request(nl, local_message(nl, buf, RTM_DELROUTE, 0, route));

	return err == -ESRCH || err == -ENOENT ? 0 : err;
}

struct search {
	const struct own_route *route;
	bool there;
	struct own_source source;
};

static int read_route(const struct nlmsghdr *msg, void *data)
{
	const struct rtmsg *hdr = mnl_nlmsg_get_payload(msg);
	const struct nlattr *attr[RTA_MAX + 1];
	struct nl_attrs attrs = { attr, RTA_MAX };
	struct search *s = data;
	__u8 dst[16] = { 0 };
	bool has_dst;

	nl_parse(msg, sizeof(*hdr), &attrs);
	take_address(attr[RTA_DST], hdr->rtm_family, &has_dst, dst);
	if (nl_attr_u32(attr[RTA_TABLE], hdr->rtm_table) != s->route->table ||
	    hdr->rtm_family != s->route->family || hdr->rtm_type != RTN_LOCAL ||
	    hdr->rtm_protocol != TPROXY_RT_PROTOCOL || hdr->rtm_dst_len != s->route->len ||
	    memcmp(dst, s->route->dst, sizeof(dst)) != 0)
		return MNL_CB_OK;
	s->there = true;
	take_address(attr[RTA_PREFSRC], hdr->rtm_family, &s->source.found, s->source.addr);
	return MNL_CB_OK;
}

int own_route_find(struct nl *nl, const struct own_route *route, bool *ret_there,
		   struct own_source *ret_source)
{
	struct search s = { .route = route };
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = route_message(nl, buf, RTM_GETROUTE, NLM_F_DUMP, route->family);
	int err;

	mnl_attr_put_u32(msg, RTA_TABLE, route->table);
	err = nl_query(nl, msg, read_route, &s);
	if (err && err != -ENOENT) /* there is no such table */
		return err;
	*ret_there = s.there;
	*ret_source = s.source;
	return 0;
}
