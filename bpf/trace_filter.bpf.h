/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Does a packet belong to the traced flows? Both directions of a flow do, later fragments do if their
 * first one did, and ICMP errors do if the packet that they quote does. Needs packet.bpf.h first.
 */
#ifndef TPROXY_TRACE_FILTER_BPF_H
#define TPROXY_TRACE_FILTER_BPF_H

#include "addr.bpf.h"
#include "flow.bpf.h"
#include "parse.bpf.h"
#include "quote.bpf.h"
#include "tproxy.h"
#include "tproxy_trace.h"

/* Set before the programs are loaded. */
const volatile struct trace_filter filter;

/* First fragments of traced flows. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct tproxy_frag_key);
	__type(value, __u8);
} trace_frags SEC(".maps");

/* The headers of one packet. */
struct headers {
	struct packet packet;
	struct flow flow;
	struct flow quoted; /* by an ICMP error, as if its receiver had answered; family 0: none */
	__u8 icmp[2];       /* type, code */
	__u8 result;        /* enum parse_result */
};

static __always_inline bool masked_equal(const __u32 *a, const volatile __u32 *b,
					 const volatile __u32 *mask)
{
	return !(((a[0] ^ b[0]) & mask[0]) | ((a[1] ^ b[1]) & mask[1]) | ((a[2] ^ b[2]) & mask[2]) |
		 ((a[3] ^ b[3]) & mask[3]));
}

static __always_inline bool is_traced_proto(__u8 proto)
{
	return !filter.proto || filter.proto == proto ||
	       (filter.proto == IPPROTO_ICMP && proto == NEXTHDR_ICMP);
}

/* One of the directions of the flow. */
static __always_inline bool is_traced_way(const __u32 *client, const __u32 *server, __be16 port)
{
	return masked_equal(client, filter.src, filter.src_mask) &&
	       masked_equal(server, filter.dst, filter.dst_mask) &&
	       (!filter.port || filter.port == port);
}

/* A global function: the verifier walks it once. */
__noinline int trace_selects(const struct flow *f)
{
	struct tproxy_flow_key key;

	if (!f || (filter.family && filter.family != f->family) || !is_traced_proto(f->proto))
		return 0;
	if (!filter.flows)
		return 1;
	if (!f->family)
		return 0;
	key = flow_key(f);
	return is_traced_way((const __u32 *)key.src, (const __u32 *)key.dst, key.dport) ||
	       is_traced_way((const __u32 *)key.dst, (const __u32 *)key.src, key.sport);
}

static __always_inline struct tproxy_frag_key trace_frag_key(const struct flow *f)
{
	struct tproxy_frag_key key = { .id = f->frag_id };

	addr_copy(f, key.src, key.dst);
	key.proto = f->family == AF_INET ? f->proto : 0;
	return key;
}

/* Only the first fragment shows the ports. */
static __always_inline bool trace_selects_fragment(const struct flow *f)
{
	struct tproxy_frag_key key = trace_frag_key(f);
	bool selected = trace_selects(f);
	__u8 one = 1;

	if (selected && f->frag == FRAG_FIRST)
		bpf_map_update_elem(&trace_frags, &key, &one, BPF_ANY);
	return selected || (f->frag == FRAG_LATER && bpf_map_lookup_elem(&trace_frags, &key));
}

static __always_inline void read_icmp(struct headers *h)
{
	if (load_net(&h->packet, h->flow.l4_offset, h->icmp, sizeof(h->icmp)) ||
	    !icmp_is_error(&h->flow, h->icmp[0]))
		return;
	if (!icmp_quoted_flow(&h->packet, &h->flow, &h->quoted))
		h->quoted.family = 0;
}

/* h: zeroed by the caller. False: the packet is not traced, or is none of IP. */
static __always_inline bool trace_reads(const struct sk_buff *skb, struct headers *h)
{
	packet_open(skb, &h->packet);
	h->result = parse(&h->packet, &h->flow);
	if (h->result == PARSE_ICMP)
		read_icmp(h);
	if (!h->flow.family && h->result != PARSE_TAGS)
		return false;
	if (h->flow.frag != FRAG_NONE)
		return trace_selects_fragment(&h->flow);
	return trace_selects(&h->flow) || (h->quoted.family && trace_selects(&h->quoted));
}

#endif
