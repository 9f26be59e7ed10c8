/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/flows/conntrack.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <unistd.h>

#include "kernel/flows/flowset.h"

/* A sysctl of nf_conntrack. A request to ctnetlink would load the module. */
#define LOADED "/proc/sys/net/netfilter/nf_conntrack_count"

static bool has_size(const struct nlattr *attr, size_t size)
{
	return attr && mnl_attr_get_payload_len(attr) == size;
}

static bool parse_addresses(const struct nlattr *nest, struct tproxy_flow_key *key)
{
	const struct nlattr *attr[CTA_IP_MAX + 1];
	struct nl_attrs attrs = { attr, CTA_IP_MAX };

	nl_parse_nested(nest, &attrs);
	if (has_size(attr[CTA_IP_V4_SRC], 4) && has_size(attr[CTA_IP_V4_DST], 4))
		flow_key_make(key, AF_INET, mnl_attr_get_payload(attr[CTA_IP_V4_SRC]),
			      mnl_attr_get_payload(attr[CTA_IP_V4_DST]));
	else if (has_size(attr[CTA_IP_V6_SRC], 16) && has_size(attr[CTA_IP_V6_DST], 16))
		flow_key_make(key, AF_INET6, mnl_attr_get_payload(attr[CTA_IP_V6_SRC]),
			      mnl_attr_get_payload(attr[CTA_IP_V6_DST]));
	else
		return false;
	return true;
}

static bool parse_ports(const struct nlattr *nest, struct tproxy_flow_key *key)
{
	const struct nlattr *attr[CTA_PROTO_MAX + 1];
	struct nl_attrs attrs = { attr, CTA_PROTO_MAX };

	nl_parse_nested(nest, &attrs);
	if (!has_size(attr[CTA_PROTO_NUM], 1) ||
	    mnl_attr_get_u8(attr[CTA_PROTO_NUM]) != IPPROTO_UDP ||
	    !has_size(attr[CTA_PROTO_SRC_PORT], 2) || !has_size(attr[CTA_PROTO_DST_PORT], 2))
		return false;
	key->sport = mnl_attr_get_u16(attr[CTA_PROTO_SRC_PORT]); /* network byte order */
	key->dport = mnl_attr_get_u16(attr[CTA_PROTO_DST_PORT]);
	return true;
}

static bool parse_tuple(const struct nlattr *nest, struct tproxy_flow_key *ret_key)
{
	const struct nlattr *attr[CTA_TUPLE_MAX + 1];
	struct nl_attrs attrs = { attr, CTA_TUPLE_MAX };

	if (!nest)
		return false;
	nl_parse_nested(nest, &attrs);
	return attr[CTA_TUPLE_IP] && attr[CTA_TUPLE_PROTO] &&
	       parse_addresses(attr[CTA_TUPLE_IP], ret_key) &&
	       parse_ports(attr[CTA_TUPLE_PROTO], ret_key);
}

int conntrack_parse(const struct nlmsghdr *msg, struct tproxy_flow_key *ret_keys)
{
	const struct nlattr *attr[CTA_MAX + 1];
	struct nl_attrs attrs = { attr, CTA_MAX };
	__u32 status = 0;
	int n = 0;

	if (msg->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg))
		return 0;
	nl_parse(msg, sizeof(struct nfgenmsg), &attrs);
	if (has_size(attr[CTA_STATUS], sizeof(status)))
		status = ntohl(mnl_attr_get_u32(attr[CTA_STATUS]));
	/* Without an answer it is not known whether the flow came through. */
	if (!(status & IPS_SEEN_REPLY))
		return 0;
	if (parse_tuple(attr[CTA_TUPLE_ORIG], &ret_keys[n]))
		n++;
	if (parse_tuple(attr[CTA_TUPLE_REPLY], &ret_keys[n]))
		n++;
	return n;
}

struct walk {
	void (*fn)(const struct tproxy_flow_key *key, void *arg);
	void *arg;
};

static int take_entry(const struct nlmsghdr *msg, void *data)
{
	const struct walk *walk = data;
	struct tproxy_flow_key keys[2];
	int n = conntrack_parse(msg, keys);

	for (int i = 0; i < n; i++)
		walk->fn(&keys[i], walk->arg);
	return MNL_CB_OK;
}

int conntrack_walk(void (*fn)(const struct tproxy_flow_key *key, void *arg), void *arg)
{
	struct walk walk = { fn, arg };
	struct nl ct __cleanup_nl = { 0 };
	char buf[NL_BUFFER];
	struct nlmsghdr *msg;
	int err;

	if (access(LOADED, F_OK))
		return 0;
	err = nl_open_bus(&ct, NETLINK_NETFILTER);
	if (err)
		return err;
	msg = nl_message(&ct, buf, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_DUMP);
	mnl_nlmsg_put_extra_header(msg, sizeof(struct nfgenmsg)); /* zero: every family */
	return nl_query(&ct, msg, take_entry, &walk);
}
