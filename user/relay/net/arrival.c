/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/net/arrival.h"

#include <stdbool.h>
#include <string.h>

#include "relay/net/sockopt.h"

/* Room also for options that systemd switches on, such as PassPacketInfo=. */
#define OPTIONS_SIZE 512

int arrival_watch(int fd, sa_family_t family)
{
	int err = family == AF_INET ? sockopt_on(fd, SOL_IP, IP_RECVTTL) :
				      sockopt_on(fd, SOL_IPV6, IPV6_RECVHOPLIMIT);

	if (err)
		return err;
	return family == AF_INET ? sockopt_on(fd, SOL_IP, IP_RECVTOS) :
				   sockopt_on(fd, SOL_IPV6, IPV6_RECVTCLASS);
}

static void take_option(struct arrival *a, const struct cmsghdr *c)
{
	int value;

	if (c->cmsg_len < CMSG_LEN(sizeof(value)))
		return;
	memcpy(&value, CMSG_DATA(c), sizeof(value));
	if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_TTL) ||
	    (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_HOPLIMIT))
		a->ttl = (uint8_t)value;
	if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_TOS) ||
	    (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_TCLASS))
		a->dscp = (uint8_t)(value & ~SOCKOPT_ECN_MASK);
}

/*
 * The kernel keeps both from the packet that made the socket: for IPv4 the ACK that ends the
 * handshake (tcp_v4_syn_recv_sock), for IPv6 the SYN (tcp_v6_init_req), with SYN cookies the ACK.
 * TCP_SAVED_SYN has nothing for connections that began with a cookie.
 */
struct arrival arrival_read(int fd, sa_family_t family)
{
	bool v4 = family == AF_INET;
	union {
		char buf[OPTIONS_SIZE];
		struct cmsghdr align;
	} options;
	socklen_t len = sizeof(options);
	struct msghdr msg = { .msg_control = options.buf };
	struct arrival a = { 0 };

	if (getsockopt(fd, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_PKTOPTIONS : IPV6_2292PKTOPTIONS,
		       options.buf, &len))
		return a;
	msg.msg_controllen = len;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		take_option(&a, c);
	return a;
}

void arrival_unwatch(int fd, sa_family_t family)
{
	/* With IPv4 the kernel reads the handshake only; tcp_v6_do_rcv clones every packet. */
	if (family == AF_INET)
		return;
	sockopt_int(fd, SOL_IPV6, IPV6_RECVHOPLIMIT, 0);
	sockopt_int(fd, SOL_IPV6, IPV6_RECVTCLASS, 0);
}
