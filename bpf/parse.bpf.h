/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet to flow. Reads headers only through the network header, so that one
 * parser serves Ethernet and L3 devices, linear and non-linear skbs. Looks up
 * nothing, decides nothing, counts nothing.
 */
#ifndef TPROXY_PARSE_BPF_H
#define TPROXY_PARSE_BPF_H

#include "tproxy.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86DD
#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88A8
#define VLAN_VID_MASK 0x0fff
#define VLAN_TAGS_MAX 8 /* priority tags that stand in the frame */
#define AF_INET 2
#define AF_INET6 10
#define NEXTHDR_HOP 0
#define NEXTHDR_ROUTING 43
#define NEXTHDR_FRAGMENT 44
#define NEXTHDR_AUTH 51
#define NEXTHDR_DEST 60
#define NEXTHDR_ICMP 58
#define IP_OFFSET 0x1fff
#define IP_MF 0x2000
#define IP_DF 0x4000
#define IPOPT_EOL 0
#define IPOPT_NOP 1
#define IPOPT_LSRR 131
#define IPOPT_SSRR 137
#define IP_OPTIONS_MAX 40
#define IPV6_EXTENSIONS_MAX 8
#define L4_HEAD 14 /* TCP up to and with its flags; UDP has its ports in the same place */
#define WHOLE_PACKET 0xffffffff /* an `end` that no header declares: what is there counts */
#define IPV6_FLOWINFO 0x0fffffff

enum tcp_flag {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

enum parse_result {
	PARSE_FLOW,  /* TCP or UDP; ports are known unless it is a later fragment */
	PARSE_ICMP,  /* ICMP or ICMPv6 */
	PARSE_OTHER, /* nothing we ever look at */
	/* The rest may be TCP or UDP, and cannot be read here. */
	PARSE_MALFORMED,
	PARSE_HIDDEN,         /* ports or flags are in another fragment */
	PARSE_CHAIN,          /* behind more IPv6 headers than are read */
	PARSE_SOURCE_ROUTE,   /* the destination in the header is not where the packet goes */
	PARSE_ROUTING_HEADER, /* the same in IPv6 */
	PARSE_OVERLAP,        /* a later fragment that could rewrite the flags of the first */
	PARSE_TAGS,           /* behind more priority tags than are read; no address is known */
};

enum frag_state { FRAG_NONE, FRAG_FIRST, FRAG_LATER };

struct flow {
	struct bpf_sock_tuple tuple; /* as the look-up helpers want it */
	__u32 family;                /* AF_INET or AF_INET6; 0: no addresses were read */
	__u32 base;                  /* of the IP header, from the network header: behind tags */
	__u32 l4_offset;             /* from the network header */
	__u32 end;                   /* as the IP header declares it, from the network header */
	__u32 bytes;                 /* IP bytes as the header says; 0 for a jumbogram */
	__u32 frag_id;               /* IP identification, as in the packet */
	__be32 flowinfo; /* IPv6 traffic class and flow label; IPv4 TOS in the last byte */
	__u8 proto;
	__u8 tcp_flags; /* enum tcp_flag */
	__u8 frag;      /* enum frag_state */
	__u8 ttl;       /* or hop limit */
	bool df;        /* IPv4 only: whole, and not to be fragmented */
	bool routed;    /* an IPv6 routing header has segments left */
};

/* The flags that say what a segment is for; PSH, URG and ECN do not. */
static __always_inline __u8 tcp_control(const struct flow *f)
{
	__u8 flags = f->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN);

	/* RFC 9293 3.10.7.2: a FIN does not keep a SYN from opening a connection. */
	return flags == (TCP_SYN | TCP_FIN) ? TCP_SYN : flags;
}

#define load_net(skb, offset, to, len)                                                             \
	bpf_skb_load_bytes_relative(skb, offset, to, len, BPF_HDR_START_NET)

/*
 * RFC 791 3.1: with a source route the header's destination is only the next hop.
 * The step is computed without a branch and all values are read from the packet:
 * one path through the loop, where the verifier otherwise walks thousands. It and the
 * other loops here are global functions, which the verifier walks once each.
 */
__noinline int parse_ip4_options(struct __sk_buff *skb, __u32 base)
{
	__u32 offset = sizeof(struct iphdr), end;
	__u8 option[2]; /* type, length */

	if (load_net(skb, base, option, 1))
		return PARSE_MALFORMED;
	end = (option[0] & 0x0f) * 4;
	if (load_net(skb, base + end - 1, option, 1)) /* all of the header, whatever is in it */
		return PARSE_MALFORMED;
	for (int n = 0; n < IP_OPTIONS_MAX && offset < end; n++) {
		__u32 nop;

		/* The packet may end with the list, in an option without a length: then 0. */
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
 * First bytes of the packet, by one call for almost every packet. `l4` is filled
 * only if `whole`, and stands right behind the fixed header.
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

#define load_head(skb, base, h)                                                                    \
	({                                                                                         \
		(h)->whole = !load_net(skb, base, h, sizeof((h)->ip) + L4_HEAD);                   \
		(h)->whole ? 0 : load_net(skb, base, &(h)->ip, sizeof((h)->ip));                   \
	})

static __always_inline void set_ports(struct flow *f, __be16 sport, __be16 dport)
{
	if (f->family == AF_INET) {
		f->tuple.ipv4.sport = sport;
		f->tuple.ipv4.dport = dport;
	} else {
		f->tuple.ipv6.sport = sport;
		f->tuple.ipv6.dport = dport;
	}
}

static __always_inline bool is_icmp(const struct flow *f)
{
	return f->proto == (f->family == AF_INET ? IPPROTO_ICMP : NEXTHDR_ICMP);
}

/*
 * head: L4_HEAD bytes of the upper-layer header if `known`, else room for them. What lies
 * behind the declared end is padding of the link, which no receiver sees.
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

/* RFC 1858: at offset 8 bytes a receiver that lets fragments overlap reads new flags. */
static __always_inline enum parse_result parse_later(const struct flow *f, __u32 offset)
{
	return f->proto == IPPROTO_TCP && offset == 1 ? PARSE_OVERLAP : PARSE_FLOW;
}

/*
 * Length 0: iph_totlen() knows BIG TCP by the skb, which is never a fragment then. Of a
 * fragment with more behind it ip_frag_queue() takes whole units of 8 bytes.
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

	if (load_head(skb, f->base, &h))
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
			/* Reassembly goes by the outermost. */
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
 * Length 0: ip6_rcv_core() bounds a packet that begins with a hop-by-hop header by what is
 * there, jumbo option or not; ipv6_payload_len() does so for BIG TCP.
 */
static __always_inline void set_end6(struct __sk_buff *skb, struct flow *f, __u32 payload)
{
	f->bytes = payload ? payload + sizeof(struct ipv6hdr) : 0;
	f->end = f->base + sizeof(struct ipv6hdr) + payload;
	if (!payload && (f->proto == NEXTHDR_HOP || (f->proto == IPPROTO_TCP && skb->gso_size)))
		f->end = WHOLE_PACKET;
}

/* With segments left the packet goes elsewhere, whatever else there is to read or not. */
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

	if (load_head(skb, f->base, &h))
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

/* The stack strips nested tags of VID 0 without a second run of tc; any other is a VLAN's. */
__noinline int skip_tags(struct __sk_buff *skb, struct flow *f, __be16 *type)
{
	if (!f || !type)
		return PARSE_OTHER;
	for (int n = 0; n < VLAN_TAGS_MAX; n++) {
		__be16 tag[2]; /* TCI, what follows */

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

/* f: zeroed by the caller. The rest of a header cut off in a first fragment is in the second. */
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
