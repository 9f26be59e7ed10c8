/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/net/errqueue.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* Bounds errqueue_mtu: the default buffer holds fewer. The entry that it looks for comes last. */
#define EMPTYING_READS 512

static void take_reporter(struct queued_error *q, const struct sock_extended_err *ee)
{
	const struct sockaddr *from = SO_EE_OFFENDER(ee);

	q->ee = *ee;
	if (from->sa_family == AF_INET)
		memcpy(&q->reporter, from, sizeof(q->reporter.v4));
	else if (from->sa_family == AF_INET6)
		memcpy(&q->reporter, from, sizeof(q->reporter.v6));
}

static void take_entry(struct queued_error *q, const struct sock_extended_err *ee)
{
	if (ee->ee_origin == SO_EE_ORIGIN_ICMP || ee->ee_origin == SO_EE_ORIGIN_ICMP6)
		take_reporter(q, ee);
	else if (ee->ee_origin == SO_EE_ORIGIN_LOCAL && ee->ee_errno == EMSGSIZE)
		q->mtu = ee->ee_info;
}

bool errqueue_take(int fd, struct queued_error *ret_q)
{
	char control[512] __attribute__((aligned(8)));
	uint8_t data[1]; /* the datagram itself is not needed */
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = { .msg_name = &ret_q->to,
			      .msg_namelen = sizeof(ret_q->to),
			      .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };

	memset(ret_q, 0, sizeof(*ret_q));
	if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) ||
		    (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR))
			take_entry(ret_q, (const void *)CMSG_DATA(c));
	return true;
}

uint32_t errqueue_mtu(int fd)
{
	struct queued_error q;
	uint32_t mtu = 0;

	for (int i = 0; i < EMPTYING_READS && errqueue_take(fd, &q); i++)
		if (q.mtu)
			mtu = q.mtu;
	return mtu;
}
