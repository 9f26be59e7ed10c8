/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks that a reply is the refusal of the packet that was sent. A checksum that was wrong in a
 * SYN may be as wrong in the RST that is made of it; that of an ICMP message is right.
 */
#ifndef MUTATE_REPLY_H
#define MUTATE_REPLY_H

#include "packet.h"
#include "reference_packet.h"

#define REPLY_TTL 64

/* One's complement has two zeroes, 0 and 0xffff. */
static inline __u16 sum_of(const __u8 *at, size_t n)
{
	__u16 sum = fold_sum(sum_words(0, at, n));

	return sum == 0xffff ? 0 : sum;
}

/* Both are Ethernet frames with the same tags. Returns NULL, or what is wrong; so do the others. */
static inline const char *reply_ip_wrong(const __u8 *asked, const __u8 *reply, size_t tags, bool v6)
{
	size_t at = ETH_HLEN + tags + (v6 ? 8 : 12), n = v6 ? 16 : 4;

	if (memcmp(reply, asked + ETH_ALEN, ETH_ALEN) ||
	    memcmp(reply + ETH_ALEN, asked, ETH_ALEN) ||
	    memcmp(reply + 2 * ETH_ALEN, asked + 2 * ETH_ALEN, tags + 2))
		return "reply: link header";
	if (memcmp(reply + at, asked + at + n, n) || memcmp(reply + at + n, asked + at, n))
		return "reply: addresses";
	return reply[ETH_HLEN + tags + (v6 ? 7 : 8)] == REPLY_TTL ? NULL : "reply: TTL";
}

/* RFC 9293 3.10.7.1. The rest of the SYN is still there. */
static inline const char *rst_wrong(const struct ref_packet *p, const struct seen *s,
				    const __u8 *reply, size_t n)
{
	const __u8 *asked = p->at + s->upper, *tcp = reply + s->upper;
	size_t ip = ETH_HLEN + s->tags;
	__be32 seq, ack;

	memcpy(&seq, asked + 4, sizeof(seq));
	memcpy(&ack, tcp + 8, sizeof(ack));
	if (n != p->n)
		return "RST: length";
	if (memcmp(tcp, asked + 2, 2) || memcmp(tcp + 2, asked, 2))
		return "RST: ports";
	if (memcmp(tcp + 4, "\0\0\0", 4) || ntohl(ack) != ntohl(seq) + 1)
		return "RST: numbers";
	if (tcp[12] != asked[12] || tcp[13] != (RST | ACK) || memcmp(tcp + 14, asked + 14, 2) ||
	    memcmp(tcp + 18, asked + 18, p->n - s->upper - 18))
		return "RST: flags, or more than it should change";
	if (sum_of(asked, s->end - s->upper) != sum_of(tcp, s->end - s->upper))
		return "RST: TCP checksum";
	if (sum_of(p->at + ip, s->upper - ip) != sum_of(reply + ip, s->upper - ip))
		return s->to.addr.family == AF_INET ? "RST: IP checksum" : NULL;
	return NULL;
}

/* RFC 792, RFC 4443 3.1: port unreachable around the IP and the UDP header. */
static inline const char *unreachable_wrong(const struct ref_packet *p, const struct seen *s,
					    const __u8 *reply, size_t n)
{
	bool v6 = s->to.addr.family == AF_INET6;
	size_t header = v6 ? IP6_LEN : IP4_LEN, message = ICMP_LEN + header + UDP_LEN;
	const __u8 *ip = reply + ETH_HLEN + s->tags, *icmp = ip + header;

	if (n != ETH_HLEN + s->tags + header + message)
		return "ICMP: length";
	if (ip[0] != (v6 ? 0x60 : 0x45) || ip[v6 ? 6 : 9] != (v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) ||
	    get16(ip + (v6 ? 4 : 2)) != (v6 ? message : header + message))
		return "ICMP: IP header";
	if (icmp[0] != (v6 ? 1 : 3) || icmp[1] != (v6 ? 4 : 3))
		return "ICMP: type or code";
	if (memcmp(icmp + ICMP_LEN, p->at + ETH_HLEN + s->tags, header + UDP_LEN))
		return "ICMP: quote";
	if (v6)
		return l4_sum(ip + 8, 16, IPPROTO_ICMPV6, icmp, message) ? "ICMP: checksum" : NULL;
	return sum_of(ip, header) || sum_of(icmp, message) ? "ICMP: checksum" : NULL;
}

static inline const char *reply_wrong(const struct ref_packet *p, const __u8 *reply, size_t n)
{
	const char *wrong;
	struct seen s;

	seen_read(p, &s);
	wrong = reply_ip_wrong(p->at, reply, s.tags, s.to.addr.family == AF_INET6);
	if (wrong)
		return wrong;
	return s.proto == IPPROTO_TCP ? rst_wrong(p, &s, reply, n) :
					unreachable_wrong(p, &s, reply, n);
}

#endif
