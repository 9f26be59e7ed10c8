/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/nl_reader.h"

#include <linux/rtnetlink.h>

#include "lib/util.h"

#define ASK_TRIES 10

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

/* The kernel starts no dump during another one, and continues that one at each read. */
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

	/* The kernel may have carried out the request: callers accept -EEXIST and the like. */
	for (int i = 0; i < ASK_TRIES && err == -ENOBUFS && !r->given; i++) {
		drain(r->nl);
		err = send_query(r->nl, r->query);
		if (!err)
			err = read_answer(r);
	}
	return err;
}
