/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/net/ipfields.h"

#include <string.h>

#include "relay/net/sockopt.h"

#ifndef IP_RECVFRAGSIZE
#define IP_RECVFRAGSIZE 25
#endif
#ifndef IPV6_RECVFRAGSIZE
#define IPV6_RECVFRAGSIZE 77
#endif

void ip_fields_request(int fd, sa_family_t family)
{
	if (family == AF_INET) {
		sockopt_on(fd, SOL_IP, IP_RECVTTL);
		sockopt_on(fd, SOL_IP, IP_RECVTOS);
		sockopt_on(fd, SOL_IP, IP_RECVFRAGSIZE);
		sockopt_on(fd, SOL_SOCKET, SO_RCVMARK);
		return;
	}
	sockopt_on(fd, SOL_IPV6, IPV6_RECVHOPLIMIT);
	sockopt_on(fd, SOL_IPV6, IPV6_RECVTCLASS);
	sockopt_on(fd, SOL_IPV6, IPV6_RECVFRAGSIZE);
}

static int int_of(const struct cmsghdr *c)
{
	int value;

	memcpy(&value, CMSG_DATA(c), sizeof(value));
	return value;
}

static void read4(struct ip_fields_reading *r, const struct cmsghdr *c)
{
	switch (c->cmsg_type) {
	case IP_TTL:
		r->ttl = int_of(c);
		r->has_ttl = true;
		break;
	case IP_TOS: /* one byte, ip_cmsg_recv_tos */
		r->tos = *CMSG_DATA(c);
		break;
	case IP_RECVFRAGSIZE:
		r->fragmented = true;
		break;
	}
}

static void read6(struct ip_fields_reading *r, const struct cmsghdr *c)
{
	switch (c->cmsg_type) {
	case IPV6_HOPLIMIT:
		r->ttl = int_of(c);
		r->has_ttl = true;
		break;
	case IPV6_TCLASS:
		r->tos = (uint8_t)int_of(c);
		break;
	case IPV6_RECVFRAGSIZE:
		r->fragmented = true;
		break;
	}
}

void ip_fields_read(struct ip_fields_reading *r, const struct cmsghdr *c)
{
	if (c->cmsg_level == SOL_IP)
		read4(r, c);
	else if (c->cmsg_level == SOL_IPV6)
		read6(r, c);
	else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_MARK)
		r->mark = (uint32_t)int_of(c);
}

static enum df df_of(const struct ip_fields_reading *r, sa_family_t family, uint64_t marks)
{
	uint32_t df = (uint32_t)marks;

	if (r->fragmented)
		return DF_ALLOWED;
	if (family == AF_INET6)
		return DF_FORBIDDEN;
	if (!df || !kept_here(marks, r->mark))
		return DF_UNKNOWN;
	return r->mark & df ? DF_FORBIDDEN : DF_ALLOWED;
}

struct ip_fields ip_fields_result(const struct ip_fields_reading *r, sa_family_t family,
				  uint64_t marks)
{
	return (struct ip_fields){ .ttl = !r->has_ttl ? 0 :
					  r->ttl < 1  ? 1 :
							(uint8_t)r->ttl,
				   .tos = r->tos,
				   .df = (uint8_t)df_of(r, family, marks) };
}

void ip_fields_set_df(int fd, sa_family_t family, uint8_t *now, uint8_t want)
{
	if (*now == want)
		return;
	*now = want;
	/* The default fits DF_UNKNOWN: it sets DF unless a datagram is too large. */
	if (family == AF_INET)
		sockopt_int(fd, SOL_IP, IP_MTU_DISCOVER,
			    want == DF_ALLOWED   ? IP_PMTUDISC_DONT :
			    want == DF_FORBIDDEN ? IP_PMTUDISC_DO :
						   IP_PMTUDISC_WANT);
	else
		sockopt_int(fd, SOL_IPV6, IPV6_MTU_DISCOVER,
			    want == DF_FORBIDDEN ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_WANT);
}

void ip_fields_set(int fd, sa_family_t family, struct ip_fields *now, const struct ip_fields *want)
{
	bool v4 = family == AF_INET;

	if (now->ttl != want->ttl)
		sockopt_int(fd, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_TTL : IPV6_UNICAST_HOPS,
			    want->ttl ? want->ttl : -1);
	if (now->tos != want->tos)
		sockopt_int(fd, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_TOS : IPV6_TCLASS, want->tos);
	now->ttl = want->ttl;
	now->tos = want->tos;
	ip_fields_set_df(fd, family, &now->df, want->df);
}
