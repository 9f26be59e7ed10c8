/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/monitor.h"

#include <sys/socket.h>

#define BUFFER_SIZE 32768

int monitor_fd(const struct monitor *monitor)
{
	return mnl_socket_get_fd(monitor->nl.socket);
}

void monitor_close(struct monitor *monitor)
{
	nl_close(&monitor->nl);
}

int monitor_open(struct monitor *ret_monitor, __u32 table)
{
	static const int groups[] = {
		RTNLGRP_LINK,      RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_RULE,
		RTNLGRP_IPV6_RULE, RTNLGRP_IPV4_ROUTE,  RTNLGRP_IPV6_ROUTE,  RTNLGRP_TC,
	};
	struct monitor monitor = { .table = table };
	int err = nl_open(&monitor.nl);

	for (size_t i = 0; i < ARRAY_SIZE(groups) && !err; i++)
		if (mnl_socket_setsockopt(monitor.nl.socket, NETLINK_ADD_MEMBERSHIP,
					  (void *)&groups[i], sizeof(groups[i])))
			err = -errno;
	if (err)
		monitor_close(&monitor);
	else
		*ret_monitor = monitor;
	return err;
}

static bool matters(const struct nlmsghdr *msg, __u32 table)
{
	const struct rtmsg *hdr = mnl_nlmsg_get_payload(msg);
	const struct nlattr *attr[RTA_MAX + 1];
	struct nl_attrs attrs = { attr, RTA_MAX };

	if (msg->nlmsg_type != RTM_NEWROUTE && msg->nlmsg_type != RTM_DELROUTE)
		return true;
	nl_parse(msg, sizeof(*hdr), &attrs);
	return nl_attr_u32(attr[RTA_TABLE], hdr->rtm_table) == table;
}

static bool any_matters(const char *buf, int len, __u32 table)
{
	const struct nlmsghdr *msg = (const void *)buf;

	for (; mnl_nlmsg_ok(msg, len); msg = mnl_nlmsg_next(msg, &len))
		if (matters(msg, table))
			return true;
	return false;
}

int monitor_read(struct monitor *monitor)
{
	char buf[BUFFER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	int changed = 0;

	for (;;) {
		ssize_t len = recv(monitor_fd(monitor), buf, sizeof(buf), MSG_DONTWAIT);

		if (len >= 0) {
			changed |= any_matters(buf, (int)len, monitor->table);
			continue;
		}
		if (errno == EAGAIN)
			return changed;
		if (errno == ENOBUFS) {
			monitor->overruns++;
			changed = 1;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
}
