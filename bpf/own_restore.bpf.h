/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Puts the real destination of a datagram in place of its token. Such packets mostly have a checksum
 * that is still to be completed (CHECKSUM_PARTIAL), which a program cannot see; the helpers are right
 * either way. Finds no token.
 */
#ifndef TPROXY_OWN_RESTORE_BPF_H
#define TPROXY_OWN_RESTORE_BPF_H

#include "flow.bpf.h"
#include "own_maps.bpf.h"
#include "proto.bpf.h"
#include "tproxy_own.h"

#define IP_DST_OFFSET 16
#define IPV6_DST_OFFSET 24
#define IP_SUM_OFFSET 10
#define UDP_SUM_OFFSET 6

/* A later fragment has no UDP header. */
static __always_inline bool has_udp_sum(const struct flow *f)
{
	return f->frag != FRAG_LATER && f->l4_offset + sizeof(struct udphdr) <= f->end;
}

static __always_inline bool restore4(struct __sk_buff *skb, struct flow *f, __be32 to)
{
	__be32 from = f->tuple.ipv4.daddr;
	__u32 ip = ETH_HLEN + f->base;

	/* Without a checksum (0) the flag keeps it so. */
	if (has_udp_sum(f) &&
	    bpf_l4_csum_replace(skb, ETH_HLEN + f->l4_offset + UDP_SUM_OFFSET, from, to,
				BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 | sizeof(to)))
		return false;
	f->tuple.ipv4.daddr = to;
	return !bpf_l3_csum_replace(skb, ip + IP_SUM_OFFSET, from, to, sizeof(to)) &&
	       !bpf_skb_store_bytes(skb, ip + IP_DST_OFFSET, &to, sizeof(to), 0);
}

static __always_inline bool restore6(struct __sk_buff *skb, struct flow *f, const __u32 *to)
{
	__s64 diff = bpf_csum_diff(f->tuple.ipv6.daddr, 16, (__be32 *)to, 16, 0);

	if (diff < 0)
		return false;
	if (has_udp_sum(f) && bpf_l4_csum_replace(skb, ETH_HLEN + f->l4_offset + UDP_SUM_OFFSET, 0,
						  diff, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0))
		return false;
	__builtin_memcpy(f->tuple.ipv6.daddr, to, 16);
	return !bpf_skb_store_bytes(skb, ETH_HLEN + f->base + IPV6_DST_OFFSET, to, 16, 0);
}

/*
 * t: in the map. False: the packet may be half changed and must be dropped.
 * A global function: the verifier walks it once.
 */
__noinline int restore_dst(struct __sk_buff *skb, struct flow *f, const struct tproxy_token *t)
{
	const __u32 *is;
	__u32 dst[4];

	if (!f || !t)
		return 0;
	is = (const __u32 *)t->dst;
	dst[0] = is[0];
	dst[1] = is[1];
	dst[2] = is[2];
	dst[3] = is[3];
	return f->family == AF_INET ? restore4(skb, f, dst[3]) : restore6(skb, f, dst);
}

#endif
