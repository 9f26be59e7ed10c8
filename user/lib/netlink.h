/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One rtnetlink socket and the three ways to use it: a request that is
 * acknowledged, a dump, a single answer. Knows no message contents.
 */
#ifndef TPROXY_NETLINK_H
#define TPROXY_NETLINK_H

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "util.h"

struct nl {
	struct mnl_socket *socket;
	unsigned int seq;
};

#define NL_BUFFER 1024 /* enough for every message we build */

/* Opens a socket in the current network namespace: NETLINK_ROUTE, or another bus. */
int nl_open(struct nl *ret_nl);
int nl_open_bus(struct nl *ret_nl, int bus);
void nl_close(struct nl *nl);
#define __cleanup_nl __attribute__((cleanup(nl_close)))

/* A header of `type` with `flags` beside NLM_F_REQUEST, in buf (NL_BUFFER bytes, zeroed). */
struct nlmsghdr *nl_message(struct nl *nl, char *buf, __u16 type, __u16 flags);

/* Sends and waits for the acknowledgement: 0 or the kernel's -errno. */
int nl_request(struct nl *nl, struct nlmsghdr *msg);

/*
 * Sends and gives each answer to cb, as mnl_cb_run does; for dumps and single answers.
 * cb must not stop a dump: its unread rest would answer the next query.
 */
int nl_query(struct nl *nl, struct nlmsghdr *msg, mnl_cb_t cb, void *arg);

/* Attribute table for mnl_attr_parse: array of max + 1 pointers. */
struct nl_attrs {
	const struct nlattr **table;
	__u16 max;
};
void nl_parse(const struct nlmsghdr *msg, size_t header_len, struct nl_attrs *attrs);
void nl_parse_nested(const struct nlattr *nest, struct nl_attrs *attrs);

#endif
