/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/netlink.h"

#include <string.h>
#include <time.h>

#define RECEIVE_BUFFER 32768

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
	/* Dumps filtered by the kernel, by table above all: a full table may have a million routes. */
	if (bus == NETLINK_ROUTE)
		mnl_socket_setsockopt(socket, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	ret_nl->socket = socket;
	ret_nl->seq = (unsigned int)time(NULL);
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

int nl_query(struct nl *nl, struct nlmsghdr *msg, mnl_cb_t cb, void *arg)
{
	unsigned int portid = mnl_socket_get_portid(nl->socket);
	__cleanup_free char *buf = malloc(RECEIVE_BUFFER);
	int more = MNL_CB_OK;

	if (!buf)
		return -ENOMEM;
	if (mnl_socket_sendto(nl->socket, msg, msg->nlmsg_len) < 0)
		return -errno;
	while (more > MNL_CB_STOP) {
		ssize_t len = mnl_socket_recvfrom(nl->socket, buf, RECEIVE_BUFFER);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		more = mnl_cb_run(buf, (size_t)len, msg->nlmsg_seq, portid, cb, arg);
		if (more < 0)
			return -errno;
		/* A single answer has no end mark of its own. */
		if (more == MNL_CB_OK && !(msg->nlmsg_flags & (NLM_F_DUMP | NLM_F_ACK)))
			break;
	}
	return 0;
}

int nl_request(struct nl *nl, struct nlmsghdr *msg)
{
	msg->nlmsg_flags |= NLM_F_ACK;
	return nl_query(nl, msg, NULL, NULL);
}

static int collect(const struct nlattr *attr, void *data)
{
	struct nl_attrs *attrs = data;
	__u16 type = mnl_attr_get_type(attr);

	if (type <= attrs->max)
		attrs->table[type] = attr;
	return MNL_CB_OK;
}

void nl_parse(const struct nlmsghdr *msg, size_t header_len, struct nl_attrs *attrs)
{
	memset(attrs->table, 0, sizeof(*attrs->table) * (attrs->max + 1u));
	mnl_attr_parse(msg, (unsigned int)header_len, collect, attrs);
}

void nl_parse_nested(const struct nlattr *nest, struct nl_attrs *attrs)
{
	memset(attrs->table, 0, sizeof(*attrs->table) * (attrs->max + 1u));
	mnl_attr_parse_nested(nest, collect, attrs);
}
