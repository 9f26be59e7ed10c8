/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Slots of the socket map: which one holds the listener of a flow. Knows their numbers only, not
 * what is in them.
 */
#ifndef TPROXY_SLOTS_BPF_H
#define TPROXY_SLOTS_BPF_H

#include "proto.bpf.h"
#include "tproxy.h"

#define NO_SLOT 0xffffffff

/* enum tproxy_class. */
static __always_inline __u32 flow_class(__u8 proto, __u32 family)
{
	return (proto == IPPROTO_TCP ? TPROXY_TCP4 : TPROXY_UDP4) + (family == AF_INET6);
}

/* The flow's hash selects one of the group's ways: the same for every packet of the flow. */
static __always_inline __u32 flow_slot(__u32 group, const struct tproxy_flow_key *f, __u32 family)
{
	const __u32 *src = (const __u32 *)f->src, *dst = (const __u32 *)f->dst;
	__u32 h = src[3] ^ src[1] ^ dst[3] ^ ((__u32)f->sport << 16 | f->dport);

	h *= 0x9e3779b1; /* Fibonacci hashing: the top bits are the mixed ones */
	return TPROXY_SLOT(group, flow_class(f->proto, family), h >> 28);
}

/* For the listener that rule `rule` found by address. */
static __always_inline __u32 found_slot(__u32 rule, __u8 proto, __u32 family)
{
	return TPROXY_FOUND_SLOT(flow_class(proto, family), rule);
}

_Static_assert(TPROXY_GROUP_WAYS == 1 << (32 - 28), "flow_slot takes four bits");
_Static_assert(TPROXY_TCP6 == TPROXY_TCP4 + 1 && TPROXY_UDP6 == TPROXY_UDP4 + 1, "flow_class");

#endif
