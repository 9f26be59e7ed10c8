/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/net/rawudp.h"

#include <netinet/udp.h>
#include <string.h>
#include <sys/uio.h>

#include "lib/inetsum.h"
#include "lib/util.h"
#include "relay/net/ancillary.h"
#include "relay/net/errqueue.h"
#include "relay/net/raw.h"
#include "relay/net/sockopt.h"

#define UDP_CHECKSUM_OFFSET 6

struct rawudp {
	int v4;
	int v6;
	int device;
	uint8_t df[2]; /* enum df, that v4 and v6 have now */
};

static int open_v6(void)
{
	__cleanup_close int fd = raw_open(AF_INET6, IPPROTO_UDP);
	int err = fd < 0 ? fd : sockopt_int(fd, SOL_IPV6, IPV6_CHECKSUM, UDP_CHECKSUM_OFFSET);

	return err ? err : take_fd(&fd);
}

struct rawudp *rawudp_new(int device)
{
	struct rawudp *raw = malloc(sizeof(*raw));

	if (raw)
		*raw = (struct rawudp){ -1, -1, device, { 0 } };
	return raw;
}

/* Opened when first needed. Without descriptors it fails, and the next call tries again. */
static int socket_of(struct rawudp *raw, sa_family_t family)
{
	int *fd = family == AF_INET ? &raw->v4 : &raw->v6;

	if (*fd >= 0)
		return *fd;
	*fd = family == AF_INET ? raw_open(AF_INET, IPPROTO_UDP) : open_v6();
	if (*fd >= 0)
		sockopt_errors(*fd, family); /* the MTU of paths */
	return *fd;
}

void rawudp_close(struct rawudp *raw)
{
	if (!raw)
		return;
	cleanup_fd(&raw->v4);
	cleanup_fd(&raw->v6);
	free(raw);
}

uint16_t rawudp_checksum4(const union saddr *from, const union saddr *to, const void *header,
			  const void *data, size_t len)
{
	uint64_t sum = IPPROTO_UDP + sizeof(struct udphdr) + len;
	uint16_t checksum;

	sum = inetsum_add(sum, &from->v4.sin_addr, 4);
	sum = inetsum_add(sum, &to->v4.sin_addr, 4);
	sum = inetsum_add(sum, header, sizeof(struct udphdr));
	sum = inetsum_add(sum, data, len);
	checksum = inetsum_fold(sum);
	/* 0 would mean that there is none. */
	return checksum ? checksum : 0xffff;
}

int rawudp_send(struct rawudp *raw, const struct rawudp_way *way, const void *data, size_t len)
{
	const union saddr *from = way->from, *to = way->to;
	bool v4 = to->sa.sa_family == AF_INET;
	struct udphdr header = { .source = htons(saddr_port(from)),
				 .dest = htons(saddr_port(to)),
				 .len = htons((uint16_t)(sizeof(header) + len)) };
	struct iovec iov[] = { { &header, sizeof(header) }, { (void *)data, len } };
	struct ancillary control = { .len = 0 };
	union saddr name = *to;
	struct msghdr msg = { .msg_name = &name,
			      .msg_namelen = saddr_len(&name),
			      .msg_iov = iov,
			      .msg_iovlen = ARRAY_SIZE(iov) };
	int fd = socket_of(raw, to->sa.sa_family);

	if (fd < 0)
		return fd;
	if (v4) /* for IPv6 the kernel does it */
		header.check = rawudp_checksum4(from, to, &header, data, len);
	saddr_set_port(&name, 0); /* raw sockets take the protocol from here */
	ip_fields_set_df(fd, to->sa.sa_family, &raw->df[!v4], way->fields->df);
	ancillary_add_source(&control, from, raw->device);
	ancillary_add_fields(&control, to->sa.sa_family, way->fields);
	ancillary_attach(&control, &msg);
	return sendmsg(fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

uint32_t rawudp_mtu(struct rawudp *raw, const struct rawudp_way *way)
{
	int fd = socket_of(raw, way->to->sa.sa_family);

	return fd < 0 ? 0 : errqueue_mtu(fd);
}
