/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/rawudp.h"

#include <linux/filter.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/uio.h>

#include "lib/util.h"
#include "relay/sockopt.h"

#define UDP_CHECKSUM_OFFSET 6

struct rawudp {
	int v4;
	int v6;
};

/*
 * A raw UDP socket gets a copy of every datagram for this host. Bound to loopback
 * it sees few, and the filter throws those away; the source of what we send is
 * given with each datagram. (IPPROTO_RAW receives nothing, but then we would
 * have to fragment ourselves.)
 */
static int raw_socket(sa_family_t family)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = { .len = 1, .filter = &none };
	union saddr loopback = saddr_loopback(family, 0);
	__cleanup_close int fd =
		socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)))
		return -errno;
	err = sockopt_transparent(fd, family);
	if (!err && family == AF_INET6)
		err = sockopt_int(fd, SOL_IPV6, IPV6_CHECKSUM, UDP_CHECKSUM_OFFSET);
	if (!err && bind(fd, &loopback.sa, saddr_len(&loopback)))
		err = -errno;
	return err ? err : take_fd(&fd);
}

int rawudp_open(struct rawudp **ret_raw)
{
	struct rawudp *raw = malloc(sizeof(*raw));

	if (!raw)
		return -ENOMEM;
	raw->v4 = raw_socket(AF_INET);
	raw->v6 = raw_socket(AF_INET6);
	if (raw->v4 < 0) {
		int err = raw->v4;

		rawudp_close(raw);
		return err;
	}
	*ret_raw = raw;
	return 0;
}

void rawudp_close(struct rawudp *raw)
{
	if (!raw)
		return;
	cleanup_fd(&raw->v4);
	cleanup_fd(&raw->v6);
	free(raw);
}

/* Sum of 16-bit words in network byte order; data of odd length is padded with zero. */
static uint64_t sum_words(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len > 1; len -= 2, p += 2)
		sum += (uint64_t)p[0] << 8 | p[1];
	return len ? sum + ((uint64_t)p[0] << 8) : sum;
}

uint16_t rawudp_checksum4(const union saddr *from, const union saddr *to, const void *header,
			  const void *data, size_t len)
{
	uint64_t sum = IPPROTO_UDP + sizeof(struct udphdr) + len;

	sum = sum_words(sum, &from->v4.sin_addr, 4);
	sum = sum_words(sum, &to->v4.sin_addr, 4);
	sum = sum_words(sum, header, sizeof(struct udphdr));
	sum = sum_words(sum, data, len);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	/* 0 would mean that there is none. */
	return htons(sum == 0xffff ? 0xffff : (uint16_t)~sum);
}

/* Adds the control message that names the source address. */
static void name_source(struct msghdr *msg, const union saddr *from)
{
	struct cmsghdr *c = msg->msg_control;
	struct in_pktinfo v4 = { 0 };
	struct in6_pktinfo v6 = { 0 };

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

int rawudp_send(const struct rawudp *raw, const union saddr *from, const union saddr *to,
		const void *data, size_t len)
{
	bool v4 = to->sa.sa_family == AF_INET;
	struct udphdr header = { .source = htons(saddr_port(from)),
				 .dest = htons(saddr_port(to)),
				 .len = htons((uint16_t)(sizeof(header) + len)) };
	struct iovec iov[] = { { &header, sizeof(header) }, { (void *)data, len } };
	char control[CMSG_SPACE(sizeof(struct in6_pktinfo))] __attribute__((aligned(8))) = { 0 };
	union saddr name = *to;
	struct msghdr msg = { .msg_name = &name,
			      .msg_namelen = saddr_len(&name),
			      .msg_iov = iov,
			      .msg_iovlen = ARRAY_SIZE(iov),
			      .msg_control = control };

	if (v4) /* for IPv6 the kernel does it */
		header.check = rawudp_checksum4(from, to, &header, data, len);
	saddr_set_port(&name, 0); /* raw sockets take the protocol from here */
	name_source(&msg, from);
	return sendmsg(v4 ? raw->v4 : raw->v6, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}
