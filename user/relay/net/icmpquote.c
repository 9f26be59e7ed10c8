/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/net/icmpquote.h"

#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#define HEADERS_MAX 8 /* IPv6 extension headers; a datagram of ours has at most one */
#define PORTS_SIZE 4

/* The bytes that were not parsed yet. */
struct rest {
	const uint8_t *data;
	size_t len;
};

static bool skip(struct rest *r, size_t n)
{
	if (r->len < n)
		return false;
	r->data += n;
	r->len -= n;
	return true;
}

/* Copies n bytes without skipping them. */
static bool peek(const struct rest *r, void *to, size_t n)
{
	if (r->len < n)
		return false;
	memcpy(to, r->data, n);
	return true;
}

static bool skip_ip4(struct rest *r, struct iphdr *ret_ip)
{
	return peek(r, ret_ip, sizeof(*ret_ip)) && ret_ip->version == 4 && ret_ip->ihl >= 5 &&
	       skip(r, ret_ip->ihl * 4U);
}

static bool read_addresses4(struct rest *r, struct icmp_quote *q)
{
	struct iphdr ip;

	if (!skip_ip4(r, &ip) || ip.protocol != IPPROTO_UDP || (ip.frag_off & htons(IP_OFFMASK)))
		return false;
	q->src.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = ip.saddr };
	q->dst.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = ip.daddr };
	return true;
}

/* Skips to the UDP header. The quote of a fragmented datagram has a fragment header. */
static bool skip_extensions(struct rest *r, uint8_t next)
{
	for (int i = 0; i < HEADERS_MAX && next != IPPROTO_UDP; i++) {
		struct ip6_ext ext;
		struct ip6_frag frag;

		if (next == IPPROTO_FRAGMENT) {
			if (!peek(r, &frag, sizeof(frag)) || (frag.ip6f_offlg & IP6F_OFF_MASK) ||
			    !skip(r, sizeof(frag)))
				return false;
			next = frag.ip6f_nxt;
			continue;
		}
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
			return false;
		if (!peek(r, &ext, sizeof(ext)) || !skip(r, (ext.ip6e_len + 1U) * 8))
			return false;
		next = ext.ip6e_nxt;
	}
	return next == IPPROTO_UDP;
}

static bool read_addresses6(struct rest *r, struct icmp_quote *q)
{
	struct ip6_hdr ip;

	if (!peek(r, &ip, sizeof(ip)) || (ip.ip6_vfc >> 4) != 6 || !skip(r, sizeof(ip)) ||
	    !skip_extensions(r, ip.ip6_nxt))
		return false;
	q->src.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = ip.ip6_src };
	q->dst.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = ip.ip6_dst };
	return true;
}

static bool read_ports(const struct rest *r, struct icmp_quote *q)
{
	uint16_t ports[2];

	if (!peek(r, ports, PORTS_SIZE))
		return false;
	saddr_set_port(&q->src, ntohs(ports[0]));
	saddr_set_port(&q->dst, ntohs(ports[1]));
	return true;
}

static bool is_error4(const struct icmphdr *head, struct icmp_quote *q)
{
	if (head->type == ICMP_DEST_UNREACH && head->code == ICMP_FRAG_NEEDED)
		q->mtu = ntohs(head->un.frag.mtu);
	return head->type == ICMP_DEST_UNREACH || head->type == ICMP_TIME_EXCEEDED ||
	       head->type == ICMP_PARAMETERPROB;
}

static bool is_error6(const struct icmphdr *head, struct icmp_quote *q)
{
	if (head->type == ICMP6_PACKET_TOO_BIG)
		q->mtu = ntohl(head->un.gateway);
	return head->type >= ICMP6_DST_UNREACH && head->type <= ICMP6_PARAM_PROB;
}

bool icmp_quote_read(sa_family_t family, const uint8_t *packet, size_t len,
		     struct icmp_quote *ret_quote)
{
	struct rest r = { packet, len };
	struct icmp_quote q;
	struct icmphdr head; /* ICMPv6 has the same layout */
	struct iphdr outer;
	bool v4 = family == AF_INET;

	memset(&q, 0, sizeof(q));
	if (v4 && !skip_ip4(&r, &outer))
		return false;
	if (!peek(&r, &head, sizeof(head)) || !skip(&r, sizeof(head)))
		return false;
	if (v4 ? !is_error4(&head, &q) : !is_error6(&head, &q))
		return false;
	if (v4 ? !read_addresses4(&r, &q) : !read_addresses6(&r, &q))
		return false;
	if (!read_ports(&r, &q))
		return false;
	q.type = head.type;
	q.code = head.code;
	*ret_quote = q;
	return true;
}
