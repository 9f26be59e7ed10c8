/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP errors are addressed to the foreign address a local socket speaks for and
 * would be forwarded past it. The quoted packet tells whose they are.
 */
#ifndef TPROXY_ICMP_BPF_H
#define TPROXY_ICMP_BPF_H

#include "older.bpf.h"
#include "owner.bpf.h"
#include "steer.bpf.h"

#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12
#define ICMPV6_PARAMPROB 4 /* 1…4 are the errors, RFC 4443 2.1 */
#define ICMP_HEADER_LEN 8

static __always_inline bool icmp_is_error(const struct flow *f, __u8 type)
{
	if (f->family == AF_INET6)
		return type >= 1 && type <= ICMPV6_PARAMPROB;
	return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED ||
	       type == ICMP_PARAMETERPROB;
}

/*
 * The quoted packet, turned round: as if its receiver had answered, which is the
 * tuple our socket is found by. RFC 792 and RFC 4443 promise the ports.
 */
static __always_inline bool icmp_quoted_flow(struct __sk_buff *skb, const struct flow *outer,
					     struct flow *quoted)
{
	__u32 offset = outer->l4_offset + ICMP_HEADER_LEN;
	__be16 quoted_ports[2];

	quoted->family = outer->family;
	quoted->end = outer->end;
	if (outer->family == AF_INET) {
		struct iphdr ip;

		if (offset + sizeof(ip) > outer->end || load_net(skb, offset, &ip, sizeof(ip)) ||
		    ip.version != 4 || ip.ihl < 5)
			return false;
		if (ip.frag_off & bpf_htons(IP_OFFSET))
			return false;
		quoted->proto = ip.protocol;
		quoted->tuple.ipv4.saddr = ip.daddr;
		quoted->tuple.ipv4.daddr = ip.saddr;
		offset += ip.ihl * 4;
	} else {
		struct ipv6hdr ip;

		if (offset + sizeof(ip) > outer->end || load_net(skb, offset, &ip, sizeof(ip)) ||
		    ip.version != 6)
			return false;
		quoted->proto = ip.nexthdr;
		quoted->l4_offset = offset + sizeof(ip);
		__builtin_memcpy(quoted->tuple.ipv6.saddr, &ip.daddr, 16);
		__builtin_memcpy(quoted->tuple.ipv6.daddr, &ip.saddr, 16);
		/* What was sent in fragments is quoted with a fragment header. */
		if (parse_ip6_extensions(skb, quoted) != PARSE_FLOW || quoted->frag == FRAG_LATER ||
		    quoted->routed)
			return false;
		offset = quoted->l4_offset;
	}
	if (offset + sizeof(quoted_ports) > outer->end ||
	    load_net(skb, offset, quoted_ports, sizeof(quoted_ports)))
		return false;
	set_ports(quoted, quoted_ports[1], quoted_ports[0]);
	return true;
}

static __always_inline enum verdict icmp(struct __sk_buff *skb, const struct flow *outer)
{
	struct flow quoted = {};
	enum owner owner = OWNER_NONE;
	__u8 type;

	if (outer->l4_offset >= outer->end ||
	    load_net(skb, outer->l4_offset, &type, sizeof(type)) || !icmp_is_error(outer, type))
		return VERDICT_NEXT;
	if (!icmp_quoted_flow(skb, outer, &quoted))
		return VERDICT_NEXT;
	if (quoted.proto == IPPROTO_TCP)
		owner = tcp_owner(skb, &quoted);
	else if (quoted.proto == IPPROTO_UDP)
		owner = udp_owner(skb, &quoted);
	/* The relay's answers leave from sockets that are bound elsewhere: the rules tell. */
	if (owner == OWNER_NONE && (quoted.proto != IPPROTO_UDP || !is_relayed(skb, &quoted) ||
				    is_older(&quoted, OLDER_ASK)))
		return VERDICT_NEXT;
	return keep(TPROXY_COUNT_ICMP_OWNED);
}

#endif
