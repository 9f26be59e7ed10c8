/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/raw.h"

#include <linux/filter.h>
#include <string.h>

#include "lib/util.h"
#include "relay/sockopt.h"

/*
 * A raw socket gets a copy of every packet of its protocol for this host. Bound to
 * loopback it is offered few, and the filter throws those away; the source of what
 * is sent is given with each packet. (IPPROTO_RAW receives nothing, but then we would
 * have to fragment ourselves.) ICMPv6 comes seldom, and our own errors, which name no
 * source, would leave from ::1 (rawv6_sendmsg): it is not bound.
 */
int raw_open(sa_family_t family, int proto)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = { .len = 1, .filter = &none };
	union saddr loopback = saddr_loopback(family, 0);
	__cleanup_close int fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, proto);
	int err;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)))
		return -errno;
	err = sockopt_transparent(fd, family);
	if (!err && proto != IPPROTO_ICMPV6 && bind(fd, &loopback.sa, saddr_len(&loopback)))
		err = -errno;
	return err ? err : take_fd(&fd);
}

void raw_name_source(struct msghdr *msg, void *control, const union saddr *from, int device)
{
	struct cmsghdr *c = control;
	struct in_pktinfo v4 = { .ipi_ifindex = device };
	struct in6_pktinfo v6 = { .ipi6_ifindex = (unsigned int)device };

	memset(control, 0, RAW_CONTROL_SIZE);
	msg->msg_control = control;
	if (from->sa.sa_family == AF_INET) {
		v4.ipi_spec_dst = from->v4.sin_addr;
		*c = (struct cmsghdr){ CMSG_LEN(sizeof(v4)), SOL_IP, IP_PKTINFO };
		memcpy(CMSG_DATA(c), &v4, sizeof(v4));
		msg->msg_controllen = CMSG_SPACE(sizeof(v4));
		return;
	}
	v6.ipi6_addr = from->v6.sin6_addr;
	*c = (struct cmsghdr){ CMSG_LEN(sizeof(v6)), SOL_IPV6, IPV6_PKTINFO };
	memcpy(CMSG_DATA(c), &v6, sizeof(v6));
	msg->msg_controllen = CMSG_SPACE(sizeof(v6));
}
