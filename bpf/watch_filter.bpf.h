/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Does a packet belong to the flows that a session asks for? Both directions of a flow do, and ICMP
 * errors do if the packet that they quote does. Later fragments, which show no ports, are up to the
 * caller. Also for programs that read the kernel's skb (packet.bpf.h).
 */
#ifndef TPROXY_WATCH_FILTER_BPF_H
#define TPROXY_WATCH_FILTER_BPF_H

#include "addr.bpf.h"
#include "flow.bpf.h"
#include "parse.bpf.h"
#include "quote.bpf.h"
#include "tproxy.h"
#include "tproxy_trace.h"

/* The headers of one packet. */
struct headers {
	struct flow flow;
	struct flow quoted; /* by an ICMP error, as if its receiver had answered; family 0: none */
	struct tproxy_flow_key key;        /* of flow */
	struct tproxy_flow_key quoted_key; /* of the quoted packet, as its sender sent it */
	__u8 icmp[2];                      /* type, code */
	__u8 result;                       /* enum parse_result */
};

static __always_inline bool masked_equal(const __u32 *a, const __u32 *b, const __u32 *mask)
{
	return !(((a[0] ^ b[0]) & mask[0]) | ((a[1] ^ b[1]) & mask[1]) | ((a[2] ^ b[2]) & mask[2]) |
		 ((a[3] ^ b[3]) & mask[3]));
}

static __always_inline bool is_wanted_proto(const struct trace_filter *filter, __u8 proto)
{
	return !filter->proto || filter->proto == proto ||
	       (filter->proto == IPPROTO_ICMP && proto == NEXTHDR_ICMP);
}

/* One of the directions of the flow. */
static __always_inline bool is_wanted_way(const struct trace_filter *filter, const __u32 *client,
					  const __u32 *server, __be16 port)
{
	return masked_equal(client, filter->src, filter->src_mask) &&
	       masked_equal(server, filter->dst, filter->dst_mask) &&
	       (!filter->port || filter->port == port);
}

/* A global function: the verifier walks it once. */
__noinline int filter_has_flow(struct trace_filter *filter, struct tproxy_flow_key *key,
			       __u32 family)
{
	if (!key || !filter || (filter->family && filter->family != family) ||
	    !is_wanted_proto(filter, key->proto))
		return 0;
	if (!filter->flows)
		return 1;
	if (!family)
		return 0;
	return is_wanted_way(filter, (__u32 *)key->src, (__u32 *)key->dst, key->dport) ||
	       is_wanted_way(filter, (__u32 *)key->dst, (__u32 *)key->src, key->sport);
}

static __always_inline bool filter_has(struct trace_filter *filter, struct headers *h)
{
	return filter_has_flow(filter, &h->key, h->flow.family) ||
	       (h->quoted.family && filter_has_flow(filter, &h->quoted_key, h->quoted.family));
}

static __always_inline struct tproxy_frag_key fragment_key(const struct flow *f)
{
	struct tproxy_frag_key key = { .id = f->frag_id };

	addr_copy(f, key.src, key.dst);
	key.proto = f->family == AF_INET ? f->proto : 0;
	return key;
}

static __always_inline void read_icmp(struct __sk_buff *skb, struct headers *h)
{
	if (load_net(skb, h->flow.l4_offset, h->icmp, sizeof(h->icmp)) ||
	    !icmp_is_error(&h->flow, h->icmp[0]))
		return;
	if (!icmp_quoted_flow(skb, &h->flow, &h->quoted))
		h->quoted.family = 0;
}

/* h: zeroed by the caller. False: the packet is none of IP. */
static __always_inline bool headers_read(struct __sk_buff *skb, struct headers *h)
{
	h->result = parse(skb, &h->flow);
	if (h->result == PARSE_ICMP)
		read_icmp(skb, h);
	if (h->flow.family)
		h->key = flow_key(&h->flow);
	if (h->quoted.family)
		set_answered_key(&h->quoted, &h->quoted_key);
	return h->flow.family || h->result == PARSE_TAGS;
}

#endif
