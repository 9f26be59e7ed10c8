/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One netlink socket and the three ways to use it: a request that is
 * acknowledged, a dump, a single answer. Knows no message contents.
 *
 * A query never meets what an earlier one left unread, and a dump of routing or devices is
 * whole when its callback sees it: nl_dump.h.
 */
#ifndef TPROXY_LIB_NETLINK_H
#define TPROXY_LIB_NETLINK_H

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>

#include "lib/util.h"

struct nl {
	struct mnl_socket *socket;
	unsigned int seq;
	int bus;
	size_t part; /* bytes to read at once; only ever grows, or a part could be cut off */
	bool unread; /* an answer was not read to its end */
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
 * Sends and gives each answer to cb, which returns as for mnl_cb_run; for dumps and single
 * answers. Of NETLINK_ROUTE cb sees a dump when all of it is read: it may use the socket. On
 * other buses, whose dumps are large and never interrupted, it sees each part as it comes.
 */
int nl_query(struct nl *nl, struct nlmsghdr *msg, mnl_cb_t cb, void *arg);

/* Attribute table for mnl_attr_parse: array of max + 1 pointers. */
struct nl_attrs {
	const struct nlattr **table;
	__u16 max;
};
void nl_parse(const struct nlmsghdr *msg, size_t header_len, struct nl_attrs *attrs);
void nl_parse_nested(const struct nlattr *nest, struct nl_attrs *attrs);

/* ---- for nl_dump.c -------------------------------------------------------- */

#define NL_PART_MAX 32768 /* the kernel makes none larger (netlink_recvmsg) */

/* One query, and what becomes of its answer. */
struct nl_reader {
	struct nl *nl;
	struct nlmsghdr *query;
	mnl_cb_t cb;
	void *arg;
	size_t given;     /* messages that cb has seen */
	bool interrupted; /* what was dumped changed meanwhile: some may be missing */
};

/* Sends the query and reads its answer once. 0 or -errno, -ENOBUFS after a part was lost. */
int nl_ask(struct nl_reader *reader);

#endif
