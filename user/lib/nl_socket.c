/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/nl_socket.h"

#include <linux/rtnetlink.h>
#include <string.h>
#include <time.h>

#include "lib/util.h"

#define PART_FIRST 16384

int nl_open(struct nl *ret_nl)
{
	return nl_open_bus(ret_nl, NETLINK_ROUTE);
}

int nl_open_bus(struct nl *ret_nl, int bus)
{
	struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	int one = 1;

	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID)) {
		int err = -errno;

		mnl_socket_close(socket);
		return err;
	}
	/* The kernel filters dumps then, by table above all: one may have a million routes. */
	if (bus == NETLINK_ROUTE)
		mnl_socket_setsockopt(socket, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	*ret_nl = (struct nl){
		.socket = socket, .seq = (unsigned int)time(NULL), .bus = bus, .part = PART_FIRST
	};
	return 0;
}

void nl_close(struct nl *nl)
{
	if (nl->socket)
		mnl_socket_close(nl->socket);
	nl->socket = NULL;
}

struct nlmsghdr *nl_message(struct nl *nl, char *buf, __u16 type, __u16 flags)
{
	struct nlmsghdr *msg;

	memset(buf, 0, NL_BUFFER);
	msg = mnl_nlmsg_put_header(buf);
	msg->nlmsg_type = type;
	msg->nlmsg_flags = NLM_F_REQUEST | flags;
	msg->nlmsg_seq = ++nl->seq;
	return msg;
}
