/* SPDX-License-Identifier: BSD-2-Clause */
/* One netlink socket, and the messages that are sent by it. Knows no message contents. */
#ifndef TPROXY_LIB_NL_SOCKET_H
#define TPROXY_LIB_NL_SOCKET_H

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/types.h>
#include <stdbool.h>

struct nl {
	struct mnl_socket *socket;
	unsigned int seq;
	int bus;
	size_t part; /* bytes to read at once; it only grows, or a part could be cut off */
	bool unread; /* an answer was not read to its end */
};

#define NL_BUFFER 1024    /* enough for every message we build */
#define NL_PART_MAX 32768 /* the kernel sends no larger part (netlink_recvmsg) */

/* Opens a socket in the current network namespace: NETLINK_ROUTE, or another bus. */
int nl_open(struct nl *ret_nl);
int nl_open_bus(struct nl *ret_nl, int bus);
void nl_close(struct nl *nl);
#define __cleanup_nl __attribute__((cleanup(nl_close)))

/* A header of `type` with `flags` and NLM_F_REQUEST, in buf (NL_BUFFER bytes, zeroed). */
struct nlmsghdr *nl_message(struct nl *nl, char *buf, __u16 type, __u16 flags);

#endif
