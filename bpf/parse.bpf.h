/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet to flow: reads the headers into struct flow. Reads through the network header only, so
 * one parser serves Ethernet and L3 devices, linear and non-linear skbs. Looks up nothing,
 * decides nothing, counts nothing.
 *
 * Loops are in global functions: the verifier walks each of these once, instead of once for
 * every path that leads to it.
 */
#ifndef TPROXY_PARSE_BPF_H
#define TPROXY_PARSE_BPF_H

#include "flow.bpf.h"
#include "proto.bpf.h"

#define VLAN_TAGS_MAX 8 /* priority tags that are part of the frame */
#define IPV6_EXTENSIONS_MAX 8
#define L4_HEAD 14 /* TCP up to and with its flags; UDP has its ports in the same place */
#define WHOLE_PACKET 0xffffffff /* for `end`: the header declares none, the skb's end counts */

enum parse_result {
	PARSE_FLOW,  /* TCP or UDP; ports are known unless it is a later fragment */
	PARSE_ICMP,  /* ICMP or ICMPv6 */
	PARSE_OTHER, /* nothing we ever look at */
	/* The rest may be TCP or UDP, and cannot be read here. */
	PARSE_MALFORMED,
	PARSE_HIDDEN,         /* ports or flags are in another fragment */
	PARSE_CHAIN,          /* after more IPv6 headers than are read */
	PARSE_SOURCE_ROUTE,   /* the packet does not go to the destination in its header */
	PARSE_ROUTING_HEADER, /* the same in IPv6 */
	PARSE_OVERLAP,        /* a later fragment that could rewrite the flags of the first */
	PARSE_TAGS,           /* after more priority tags than are read; no address is known */
};

/*
 * RFC 791 3.1: with a source route the header's destination is only the next hop.
 *
 * The step to the next option is computed without a branch, and all values are read from the
 * packet. So the verifier sees one path through the loop; with a branch it walks thousands.
 */
__noinline int parse_ip4_options(struct __sk_buff *skb, __u32 base)
{
	__u32 offset = sizeof(struct iphdr), end;
	__u8 option[2]; /* type, length */

	if (load_net(skb, base, option, 1))
		return PARSE_MALFORMED;
	end = (option[0] & 0x0f) * 4;
	if (load_net(skb, base + end - 1, option, 1)) /* is the whole header there? */
		return PARSE_MALFORMED;
	for (int n = 0; n < IP_OPTIONS_MAX && offset < end; n++) {
		__u32 nop;

		/* An option without a length may be the packet's last byte: its length reads as 0. */
		if (load_net(skb, base + offset, option, sizeof(option)) &&
		    load_net(skb, base + offset, option, 1))
			return PARSE_MALFORMED;
		if (option[0] == IPOPT_EOL)
			return PARSE_FLOW;
		if (option[0] == IPOPT_LSRR || option[0] == IPOPT_SSRR)
			return PARSE_SOURCE_ROUTE;
		nop = ((__u32)(option[0] ^ IPOPT_NOP) - 1) >> 31; /* 1 or 0; a NOP has no length */
		barrier_var(nop);
		if (option[1] * (1 - nop) + 2 * nop < 2)
			return PARSE_MALFORMED;
		offset += option[1] * (1 - nop) + nop;
	}
	return offset > end ? PARSE_MALFORMED : PARSE_FLOW;
}

/*
 * The first bytes of the packet: the fixed IP header, and what follows it. One load reads both
 * for almost every packet; in a short one `whole` is false and `l4` is not filled.
 */
struct head4 {
	struct iphdr ip;
	__u8 l4[L4_HEAD];
	bool whole;
};

struct head6 {
	struct ipv6hdr ip;
	__u8 l4[L4_HEAD];
	bool whole;
};

/* head: room for ip_len + L4_HEAD bytes. False: not even the IP header is there. */
static __always_inline bool load_head(struct __sk_buff *skb, __u32 base, void *head, __u32 ip_len,
				      bool *ret_whole)
{
	*ret_whole = !load_net(skb, base, head, ip_len + L4_HEAD);
	return *ret_whole || !load_net(skb, base, head, ip_len);
}

static __always_inline bool is_icmp(const struct flow *f)
{
	return f->proto == (f->family == AF_INET ? IPPROTO_ICMP : NEXTHDR_ICMP);
}

/*
 * head: L4_HEAD bytes of the upper-layer header if `known`, else room for them. Bytes after the
 * declared end are padding of the link, which no receiver sees.
 */
static __always_inline enum parse_result parse_l4(struct __sk_buff *skb, struct flow *f, __u8 *head,
						  bool known)
{
	switch (f->proto) {
	case IPPROTO_TCP:
		if (f->l4_offset + L4_HEAD > f->end)
			return PARSE_MALFORMED;
		if (!known && load_net(skb, f->l4_offset, head, L4_HEAD))
			return PARSE_MALFORMED;
		f->tcp_flags = head[L4_HEAD - 1];
		break;
	case IPPROTO_UDP:
		if (f->l4_offset + sizeof(struct udphdr) > f->end)
			return PARSE_MALFORMED;
		if (!known && load_net(skb, f->l4_offset, head, sizeof(struct udphdr)))
			return PARSE_MALFORMED;
		break;
	default:
		return is_icmp(f) ? PARSE_ICMP : PARSE_OTHER;
	}
	set_ports(f, *(__be16 *)head, *(__be16 *)(head + 2));
	return PARSE_FLOW;
}

static __always_inline bool is_transport(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

/*
 * offset: of the fragment, in units of 8 bytes. RFC 1858: a TCP fragment at 8 bytes brings new
 * flags to a receiver that lets fragments overlap.
 */
static __always_inline enum parse_result parse_later(const struct flow *f, __u32 offset)
{
	return f->proto == IPPROTO_TCP && offset == 1 ? PARSE_OVERLAP : PARSE_FLOW;
}

/*
 * Length 0 is BIG TCP if the skb says so (iph_totlen()); it is never a fragment then. Of a
 * fragment that is not the last, ip_frag_queue() takes whole units of 8 bytes only.
 */
static __always_inline void set_end4(struct __sk_buff *skb, struct flow *f)
{
	if (f->bytes)
		f->end = f->base + f->bytes;
	if (f->frag == FRAG_FIRST && f->end > f->l4_offset)
		f->end -= (f->end - f->l4_offset) & 7;
	else if (!f->bytes && f->frag == FRAG_NONE && f->proto == IPPROTO_TCP && skb->gso_size)
		f->end = WHOLE_PACKET;
}

static __always_inline enum parse_result parse_ip4(struct __sk_buff *skb, struct flow *f)
{
	enum parse_result options = PARSE_FLOW;
	struct head4 h = {};
	struct iphdr ip;
	__u16 frag_off;

	if (!load_head(skb, f->base, &h, sizeof(h.ip), &h.whole))
		return PARSE_MALFORMED;
	ip = h.ip;
	if (ip.version != 4 || ip.ihl < 5)
		return PARSE_MALFORMED;
	f->family = AF_INET;
	f->proto = ip.protocol;
	f->ttl = ip.ttl;
	f->flowinfo = bpf_htonl(ip.tos);
	f->l4_offset = f->base + ip.ihl * 4;
	f->bytes = bpf_ntohs(ip.tot_len);
	f->tuple.ipv4.saddr = ip.saddr;
	f->tuple.ipv4.daddr = ip.daddr;
	frag_off = bpf_ntohs(ip.frag_off);
	if (frag_off & IP_OFFSET)
		f->frag = FRAG_LATER;
	else if (frag_off & IP_MF)
		f->frag = FRAG_FIRST;
	f->df = f->frag == FRAG_NONE && (frag_off & IP_DF);
	f->frag_id = ip.id;
	set_end4(skb, f);
	if (f->l4_offset > f->end)
		return is_transport(f->proto) ? PARSE_MALFORMED : PARSE_OTHER;
	if (ip.ihl > 5)
		options = parse_ip4_options(skb, f->base);
	if (options != PARSE_FLOW)
		return is_transport(f->proto) ? options : PARSE_OTHER;
	if (f->frag == FRAG_LATER)
		return parse_later(f, frag_off & IP_OFFSET);
	return parse_l4(skb, f, h.l4, h.whole && ip.ihl == 5);
}

static __always_inline bool is_ip6_extension(__u8 proto)
{
	return proto == NEXTHDR_HOP || proto == NEXTHDR_DEST || proto == NEXTHDR_ROUTING ||
	       proto == NEXTHDR_FRAGMENT || proto == NEXTHDR_AUTH;
}

/* RFC 8200 4.1: any order, bounded here; the chain ends at the upper-layer header. */
__noinline int parse_ip6_extensions(struct __sk_buff *skb, struct flow *f)
{
	if (!f)
		return PARSE_OTHER;
	for (int n = 0; n < IPV6_EXTENSIONS_MAX; n++) {
		struct frag_hdr frag;
		__u16 frag_off;
		__u8 ext[4];

		switch (f->proto) {
		case NEXTHDR_FRAGMENT:
			if (f->l4_offset + sizeof(frag) > f->end ||
			    load_net(skb, f->l4_offset, &frag, sizeof(frag)))
				return PARSE_MALFORMED;
			frag_off = bpf_ntohs(frag.frag_off);
			/* The stack reassembles by the first fragment header. */
			if (f->frag == FRAG_NONE) {
				if (frag_off & 0xfff8)
					f->frag = FRAG_LATER;
				else if (frag_off & 1)
					f->frag = FRAG_FIRST;
				f->frag_id = frag.identification;
			}
			f->proto = frag.nexthdr;
			f->l4_offset += sizeof(frag);
			if (f->frag == FRAG_LATER)
				return parse_later(f, frag_off >> 3);
			continue;
		case NEXTHDR_HOP:
		case NEXTHDR_DEST:
		case NEXTHDR_ROUTING:
		case NEXTHDR_AUTH:
			if (f->l4_offset + sizeof(ext) > f->end ||
			    load_net(skb, f->l4_offset, ext, sizeof(ext)))
				return PARSE_MALFORMED;
			if (f->proto == NEXTHDR_ROUTING && ext[3] != 0) /* segments left */
				f->routed = true;
			f->l4_offset +=
				f->proto == NEXTHDR_AUTH ? (ext[1] + 2) * 4 : (ext[1] + 1) * 8;
			f->proto = ext[0];
			continue;
		default:
			return PARSE_FLOW;
		}
	}
	return is_ip6_extension(f->proto) ? PARSE_CHAIN : PARSE_FLOW;
}

/*
 * Length 0: the packet ends where the skb ends, if it begins with a hop-by-hop header, with or
 * without a jumbo option (ip6_rcv_core()), or if it is BIG TCP (ipv6_payload_len()).
 */
static __always_inline void set_end6(struct __sk_buff *skb, struct flow *f, __u32 payload)
{
	f->bytes = payload ? payload + sizeof(struct ipv6hdr) : 0;
	f->end = f->base + sizeof(struct ipv6hdr) + payload;
	if (!payload && (f->proto == NEXTHDR_HOP || (f->proto == IPPROTO_TCP && skb->gso_size)))
		f->end = WHOLE_PACKET;
}

/* With segments left, the packet does not go to the destination in its header. */
static __always_inline enum parse_result parse_routed(const struct flow *f,
						      enum parse_result result)
{
	if (result == PARSE_OTHER || result == PARSE_ICMP)
		return PARSE_OTHER;
	if (result == PARSE_FLOW && !is_transport(f->proto) && !is_ip6_extension(f->proto))
		return PARSE_FLOW; /* a later fragment of another protocol */
	return PARSE_ROUTING_HEADER;
}

static __always_inline enum parse_result parse_ip6(struct __sk_buff *skb, struct flow *f)
{
	enum parse_result result;
	struct head6 h = {};
	struct ipv6hdr ip;

	if (!load_head(skb, f->base, &h, sizeof(h.ip), &h.whole))
		return PARSE_MALFORMED;
	ip = h.ip;
	if (ip.version != 6)
		return PARSE_MALFORMED;
	f->family = AF_INET6;
	f->proto = ip.nexthdr;
	f->ttl = ip.hop_limit;
	f->flowinfo = *(__be32 *)&ip & bpf_htonl(IPV6_FLOWINFO);
	f->l4_offset = f->base + sizeof(ip);
	set_end6(skb, f, bpf_ntohs(ip.payload_len));
	__builtin_memcpy(f->tuple.ipv6.saddr, &ip.saddr, sizeof(ip.saddr));
	__builtin_memcpy(f->tuple.ipv6.daddr, &ip.daddr, sizeof(ip.daddr));
	result = parse_ip6_extensions(skb, f);
	if (result == PARSE_FLOW && f->frag != FRAG_LATER)
		result = parse_l4(skb, f, h.l4, h.whole && f->l4_offset == f->base + sizeof(ip));
	return f->routed ? parse_routed(f, result) : result;
}

/*
 * The stack strips nested tags of VID 0 and does not run tc again for the packet. A tag of any
 * other VID belongs to a VLAN device.
 */
__noinline int skip_tags(struct __sk_buff *skb, struct flow *f, __be16 *type)
{
	if (!f || !type)
		return PARSE_OTHER;
	for (int n = 0; n < VLAN_TAGS_MAX; n++) {
		__be16 tag[2]; /* TCI, type of the next header */

		if (*type != bpf_htons(ETH_P_8021Q) && *type != bpf_htons(ETH_P_8021AD))
			return PARSE_FLOW;
		if (load_net(skb, f->base, tag, sizeof(tag)) || (tag[0] & bpf_htons(VLAN_VID_MASK)))
			return PARSE_OTHER;
		f->base += sizeof(tag);
		*type = tag[1];
	}
	return *type == bpf_htons(ETH_P_8021Q) || *type == bpf_htons(ETH_P_8021AD) ? PARSE_TAGS :
										     PARSE_FLOW;
}

/* f: zeroed by the caller. What a first fragment lacks of a header is in the second: hidden. */
static __always_inline enum parse_result parse(struct __sk_buff *skb, struct flow *f)
{
	__be16 type = skb->protocol;
	enum parse_result result;

	if (type != bpf_htons(ETH_P_IP) && type != bpf_htons(ETH_P_IPV6)) {
		result = skip_tags(skb, f, &type);
		if (result != PARSE_FLOW)
			return result;
	}
	if (type == bpf_htons(ETH_P_IP))
		result = parse_ip4(skb, f);
	else if (type == bpf_htons(ETH_P_IPV6))
		result = parse_ip6(skb, f);
	else
		result = PARSE_OTHER;
	return result == PARSE_MALFORMED && f->frag == FRAG_FIRST ? PARSE_HIDDEN : result;
}

#endif
