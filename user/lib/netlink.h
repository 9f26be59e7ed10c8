/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The three ways to use a netlink socket: a request that is acknowledged, a dump, a single
 * answer. Knows no message contents.
 *
 * A query never meets what an earlier one left unread (nl_reader.h). A dump of routing or devices
 * is complete before its callback sees it (nl_dump.h).
 */
#ifndef TPROXY_LIB_NETLINK_H
#define TPROXY_LIB_NETLINK_H

#include <linux/rtnetlink.h>

#include "lib/nl_socket.h"
#include "lib/util.h"

/* Sends and waits for the acknowledgement: 0 or the kernel's -errno. */
int nl_request(struct nl *nl, struct nlmsghdr *msg);

/*
 * Sends, and gives each answer to cb, which returns as for mnl_cb_run; for dumps and single
 * answers. Of NETLINK_ROUTE, cb sees a dump only when all of it is read, so it may use the
 * socket. On other buses, whose dumps are large and never interrupted, it sees each part as it
 * comes.
 */
int nl_query(struct nl *nl, struct nlmsghdr *msg, mnl_cb_t cb, void *arg);

/* Attribute table for mnl_attr_parse: array of max + 1 pointers. */
struct nl_attrs {
	const struct nlattr **table;
	__u16 max;
};
void nl_parse(const struct nlmsghdr *msg, size_t header_len, struct nl_attrs *attrs);
void nl_parse_nested(const struct nlattr *nest, struct nl_attrs *attrs);
/* The value of an attribute, or `otherwise` if it is absent (NULL). */
__u32 nl_attr_u32(const struct nlattr *attr, __u32 otherwise);

#endif
