/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/net/ancillary.h"

#include <netinet/udp.h>
#include <string.h>

static void add(struct ancillary *a, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c = (struct cmsghdr *)(a->buf + a->len);

	*c = (struct cmsghdr){ CMSG_LEN(len), level, type };
	memcpy(CMSG_DATA(c), data, len);
	a->len += CMSG_SPACE(len);
}

void ancillary_add_source(struct ancillary *a, const union saddr *from, int device)
{
	struct in_pktinfo v4 = { .ipi_ifindex = device };
	struct in6_pktinfo v6 = { .ipi6_ifindex = (unsigned int)device };

	if (from->sa.sa_family == AF_INET) {
		v4.ipi_spec_dst = from->v4.sin_addr;
		add(a, SOL_IP, IP_PKTINFO, &v4, sizeof(v4));
	} else {
		v6.ipi6_addr = from->v6.sin6_addr;
		add(a, SOL_IPV6, IPV6_PKTINFO, &v6, sizeof(v6));
	}
}

void ancillary_add_fields(struct ancillary *a, sa_family_t family, const struct ip_fields *fields)
{
	bool v4 = family == AF_INET;
	int ttl = fields->ttl, tos = fields->tos;

	if (ttl)
		add(a, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_TTL : IPV6_HOPLIMIT, &ttl, sizeof(ttl));
	if (tos)
		add(a, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_TOS : IPV6_TCLASS, &tos, sizeof(tos));
}

void ancillary_add_segment(struct ancillary *a, uint16_t size)
{
	add(a, SOL_UDP, UDP_SEGMENT, &size, sizeof(size));
}

void ancillary_attach(struct ancillary *a, struct msghdr *msg)
{
	if (!a->len)
		return;
	msg->msg_control = a->buf;
	msg->msg_controllen = a->len;
}
