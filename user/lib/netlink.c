/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/netlink.h"

#include <string.h>
#include <time.h>

#include "lib/nl_dump.h"

#define PART_FIRST 16384
#define ASK_TRIES 10

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

/* ---- one answer ----------------------------------------------------------- */

/* The flags of a dump mean other things in a request, which wants an acknowledgement. */
static bool is_dump(const struct nlmsghdr *query)
{
	return (query->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP && !(query->nlmsg_flags & NLM_F_ACK);
}

static bool is_answer(const struct nl_reader *r, const struct nlmsghdr *msg)
{
	return msg->nlmsg_seq == r->query->nlmsg_seq &&
	       msg->nlmsg_pid == mnl_socket_get_portid(r->nl->socket);
}

/* The kernel's verdict at the end of an answer. On other buses the end of a dump has none. */
static int verdict(const struct nl_reader *r, const struct nlmsghdr *msg)
{
	const int *err = mnl_nlmsg_get_payload(msg);

	r->nl->unread = false;
	if (mnl_nlmsg_get_payload_len(msg) < sizeof(*err) ||
	    (msg->nlmsg_type == NLMSG_DONE && r->nl->bus != NETLINK_ROUTE))
		return MNL_CB_STOP;
	return *err < 0 ? *err : MNL_CB_STOP;
}

/* MNL_CB_OK: there is more; MNL_CB_STOP: that was all; or -errno. */
static int take_message(struct nl_reader *r, const struct nlmsghdr *msg)
{
	int more;

	if (!is_answer(r, msg))
		return MNL_CB_OK;
	if (msg->nlmsg_flags & NLM_F_DUMP_INTR)
		r->interrupted = true;
	if (msg->nlmsg_type == NLMSG_ERROR || msg->nlmsg_type == NLMSG_DONE)
		return verdict(r, msg);
	if (msg->nlmsg_type < NLMSG_MIN_TYPE)
		return MNL_CB_OK;
	r->given++;
	more = r->cb ? r->cb(msg, r->arg) : MNL_CB_OK;
	if (more < 0)
		return -errno;
	/* A single answer has no end mark of its own. */
	if (!(r->query->nlmsg_flags & (NLM_F_DUMP | NLM_F_ACK))) {
		r->nl->unread = false;
		return MNL_CB_STOP;
	}
	return more;
}

static int take_part(struct nl_reader *r, const char *buf, int len)
{
	const struct nlmsghdr *msg = (const void *)buf;
	int more = MNL_CB_OK;

	for (; mnl_nlmsg_ok(msg, len) && more == MNL_CB_OK; msg = mnl_nlmsg_next(msg, &len))
		more = take_message(r, msg);
	return more;
}

static int read_answer(struct nl_reader *r)
{
	__cleanup_free char *buf = malloc(NL_PART_MAX);
	int more = MNL_CB_OK;

	if (!buf)
		return -ENOMEM;
	while (more == MNL_CB_OK) {
		ssize_t len = mnl_socket_recvfrom(r->nl->socket, buf, r->nl->part);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		more = take_part(r, buf, (int)len);
	}
	return more;
}

/* The kernel starts no dump while another one is under way, and continues that one at each read. */
static void drain(struct nl *nl)
{
	int fd = mnl_socket_get_fd(nl->socket);
	char byte;

	while (nl->unread)
		nl->unread = recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0 || errno == EINTR ||
			     errno == ENOBUFS;
}

static int send_query(struct nl *nl, struct nlmsghdr *query)
{
	ssize_t sent;

	query->nlmsg_seq = ++nl->seq;
	do {
		sent = mnl_socket_sendto(nl->socket, query, query->nlmsg_len);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	nl->unread = true;
	return 0;
}

int nl_ask(struct nl_reader *r)
{
	int err = -ENOBUFS;

	/* What was asked for may have been done all the same: callers take "is there already". */
	for (int i = 0; i < ASK_TRIES && err == -ENOBUFS && !r->given; i++) {
		drain(r->nl);
		err = send_query(r->nl, r->query);
		if (!err)
			err = read_answer(r);
	}
	return err;
}

int nl_query(struct nl *nl, struct nlmsghdr *msg, mnl_cb_t cb, void *arg)
{
	struct nl_reader reader = { .nl = nl, .query = msg, .cb = cb, .arg = arg };

	if (nl->bus == NETLINK_ROUTE && is_dump(msg))
		return nl_dump(&reader);
	return nl_ask(&reader);
}

int nl_request(struct nl *nl, struct nlmsghdr *msg)
{
	msg->nlmsg_flags |= NLM_F_ACK;
	return nl_query(nl, msg, NULL, NULL);
}

/* ---- attributes ----------------------------------------------------------- */

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
