/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network namespace of one test process: "in0", which packets enter, "out0", which they
 * would leave by, their addresses and routes. Knows no BPF.
 */
#ifndef NAMESPACE_H
#define NAMESPACE_H

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>

#include "lib/mapped.h"
#include "lib/netlink.h"
#include "lib/parse.h"
#include "packet.h"

static inline void must(int err, const char *what)
{
	if (err)
		tap_bail("%s: %s", what, strerror(err < 0 ? -err : errno));
}

static inline void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		tap_bail("%s: %s", path, strerror(errno));
	close(fd);
}

static inline void set_forwarding(bool on)
{
	write_file("/proc/sys/net/ipv4/ip_forward", on ? "1" : "0");
	write_file("/proc/sys/net/ipv6/conf/all/forwarding", on ? "1" : "0");
}

static inline struct ifinfomsg *put_ifinfo(struct nlmsghdr *msg)
{
	return mnl_nlmsg_put_extra_header(msg, sizeof(struct ifinfomsg));
}

static inline void add_veth(struct nl *nl)
{
	static const __u8 mac_out[ETH_ALEN] = { 2, 0, 0, 0, 0, 2 };
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = nl_message(nl, buf, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info, *data, *peer;

	put_ifinfo(msg);
	mnl_attr_put_strz(msg, IFLA_IFNAME, "in0");
	mnl_attr_put(msg, IFLA_ADDRESS, ETH_ALEN, mac_host);
	info = mnl_attr_nest_start(msg, IFLA_LINKINFO);
	mnl_attr_put_strz(msg, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(msg, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(msg, VETH_INFO_PEER);
	put_ifinfo(msg);
	mnl_attr_put_strz(msg, IFLA_IFNAME, "out0");
	mnl_attr_put(msg, IFLA_ADDRESS, ETH_ALEN, mac_out);
	mnl_attr_nest_end(msg, peer);
	mnl_attr_nest_end(msg, data);
	mnl_attr_nest_end(msg, info);
	must(nl_request(nl, msg), "veth");
}

static inline void set_up(struct nl *nl, const char *name)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = nl_message(nl, buf, RTM_NEWLINK, 0);
	struct ifinfomsg *info = put_ifinfo(msg);

	info->ifi_index = (int)if_nametoindex(name);
	info->ifi_flags = info->ifi_change = IFF_UP;
	must(nl_request(nl, msg), name);
}

static inline struct prefix prefix_of(const char *text)
{
	const char *why = "";
	struct prefix p = { 0 };

	if (parse_prefix(text, &p, &why))
		tap_bail("%s: %s", text, why);
	return p;
}

/* to: 16 bytes as in the maps, IPv4 mapped into IPv6. */
static inline void map_address(const char *text, __u8 *to)
{
	struct prefix p = prefix_of(text);

	mapped_from(p.family, p.addr, to);
}

/* A host address with the length of its network. */
static inline void add_address(struct nl *nl, const char *dev, const char *address, __u8 len)
{
	char buf[NL_BUFFER];
	struct prefix p = prefix_of(address);
	size_t size = p.family == AF_INET ? 4 : 16;
	struct nlmsghdr *msg = nl_message(nl, buf, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	struct ifaddrmsg *addr = mnl_nlmsg_put_extra_header(msg, sizeof(*addr));

	addr->ifa_family = p.family;
	addr->ifa_prefixlen = len;
	addr->ifa_index = if_nametoindex(dev);
	addr->ifa_flags = IFA_F_NODAD;
	mnl_attr_put(msg, IFA_LOCAL, size, p.addr);
	mnl_attr_put(msg, IFA_ADDRESS, size, p.addr);
	must(nl_request(nl, msg), address);
}

static inline void add_route(struct nl *nl, const char *prefix, const char *dev)
{
	char buf[NL_BUFFER];
	struct prefix p = prefix_of(prefix);
	struct nlmsghdr *msg = nl_message(nl, buf, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(msg, sizeof(*route));

	route->rtm_family = p.family;
	route->rtm_dst_len = p.len;
	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = RTPROT_STATIC;
	route->rtm_scope = p.family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	route->rtm_type = RTN_UNICAST;
	mnl_attr_put(msg, RTA_DST, p.family == AF_INET ? 4 : 16, p.addr);
	mnl_attr_put_u32(msg, RTA_OIF, if_nametoindex(dev));
	must(nl_request(nl, msg), prefix);
}

static inline int note_type(const struct nlmsghdr *msg, void *arg)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(msg);

	*(__u8 *)arg = route->rtm_type;
	return MNL_CB_OK;
}

/* A work queue of the kernel adds the route of a new IPv6 address, some time after the address. */
static inline void wait_for_route(struct nl *nl, const char *address)
{
	struct prefix p = prefix_of(address);
	__u8 type = RTN_UNSPEC;

	for (int ms = 0; type != RTN_LOCAL; ms++) {
		char buf[NL_BUFFER];
		struct nlmsghdr *msg = nl_message(nl, buf, RTM_GETROUTE, 0);
		struct rtmsg *route = mnl_nlmsg_put_extra_header(msg, sizeof(*route));

		route->rtm_family = AF_INET6;
		route->rtm_dst_len = 128;
		mnl_attr_put(msg, RTA_DST, 16, p.addr);
		nl_query(nl, msg, note_type, &type); /* an error until the route is there */
		if (type != RTN_LOCAL)
			usleep(1000);
		if (ms == 10000)
			tap_bail("%s is not routed to", address);
	}
}

/*
 * 10.210/16, fd21::/16 and the clients' networks have routes, 172.31/16 and fd31:: have none.
 * Sockets that own real flows use lo's addresses in 10.98/16 and fd98::.
 */
static inline void enter_namespace(void)
{
	static const char *const own6[] = { "fd77:1::1", "fd77:2::1", "fd98::1", "fd98::2" };
	struct nl nl __cleanup_nl = { 0 };

	must(unshare(CLONE_NEWNET) ? -errno : 0, "unshare");
	must(nl_open(&nl), "rtnetlink");
	set_forwarding(true);
	set_up(&nl, "lo");
	add_veth(&nl);
	set_up(&nl, "in0");
	set_up(&nl, "out0");
	add_address(&nl, "in0", "10.77.1.1", 24);
	add_address(&nl, "in0", "fd77:1::1", 64);
	add_address(&nl, "out0", "10.77.2.1", 24);
	add_address(&nl, "out0", "fd77:2::1", 64);
	add_address(&nl, "lo", "10.98.0.1", 32);
	add_address(&nl, "lo", "10.98.0.2", 32);
	add_address(&nl, "lo", "fd98::1", 128);
	add_address(&nl, "lo", "fd98::2", 128);
	add_route(&nl, "10.210.0.0/16", "out0");
	add_route(&nl, "10.99.0.0/16", "in0");
	add_route(&nl, "fd21::/16", "out0");
	add_route(&nl, "fd99::/32", "in0");
	for (size_t i = 0; i < ARRAY_SIZE(own6); i++)
		wait_for_route(&nl, own6[i]);
}

#endif
