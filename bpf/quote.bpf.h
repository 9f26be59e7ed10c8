/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP errors quote the packet that caused them: reads its flow. Looks up nothing, decides nothing.
 */
#ifndef TPROXY_QUOTE_BPF_H
#define TPROXY_QUOTE_BPF_H

#include "flow.bpf.h"
#include "parse.bpf.h"
#include "proto.bpf.h"

static __always_inline bool icmp_is_error(const struct flow *f, __u8 type)
{
	if (f->family == AF_INET6) /* RFC 4443 2.1: the errors are 1…4 */
		return type >= ICMPV6_DEST_UNREACH && type <= ICMPV6_PARAMPROB;
	return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED ||
	       type == ICMP_PARAMETERPROB;
}

/*
 * The flow of the quoted packet, reversed: as if its receiver had answered. By that tuple our
 * socket is found. RFC 792 and RFC 4443 guarantee that the ports are quoted.
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
		/* The quote of a fragment has a fragment header. */
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

#endif
