/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where would the kernel send this packet: to this host, to another one, nowhere? Answered by
 * the FIB and by the addresses of this host that user space noted. Knows no rule and no socket.
 */
#ifndef TPROXY_ROUTE_BPF_H
#define TPROXY_ROUTE_BPF_H

#include "addr.bpf.h"
#include "flow.bpf.h"
#include "maps.bpf.h"
#include "proto.bpf.h"

#define LOOPBACK_IFINDEX 1 /* include/net/flow.h */

/* Is the destination in the map of this host's addresses, which user space fills? */
static __always_inline bool dst_is_noted(const struct flow *f)
{
	struct tproxy_local_key key;
	__u8 src[16];

	/* ::ffff:a.b.c.d in a packet is an IPv6 address, and none of this host. */
	if (f->family == AF_INET6 && !(f->tuple.ipv6.daddr[0] | f->tuple.ipv6.daddr[1]) &&
	    f->tuple.ipv6.daddr[2] == bpf_htonl(0xffff))
		return false;
	addr_copy(f, src, key.addr);
	return bpf_map_lookup_elem(&local, &key) != NULL;
}

/*
 * BPF_FIB_LKUP_RET_… or negative. flags: BPF_FIB_LOOKUP_…. The look-up has all that an ip rule may match and a packet
 * has: ports, TOS, flow label. The packet has no mark yet. NOT_FWDED means an address of this
 * host or no route at all.
 *
 * The helper wants forwarding enabled on the device. ip6_forward() does not: it asks for
 * conf/all alone. Writing conf/all writes lo's value as well, so lo is asked on its behalf.
 */
static __always_inline long route_look_up(struct __sk_buff *skb, const struct flow *f,
					  struct bpf_fib_lookup *fib, __u32 flags)
{
	long route;

	fib->family = f->family;
	fib->l4_protocol = f->proto;
	fib->ifindex = skb->ingress_ifindex;
	if (f->family == AF_INET) {
		fib->tos = bpf_ntohl(f->flowinfo);
		fib->sport = f->tuple.ipv4.sport;
		fib->dport = f->tuple.ipv4.dport;
		fib->ipv4_src = f->tuple.ipv4.saddr;
		fib->ipv4_dst = f->tuple.ipv4.daddr;
	} else {
		fib->flowinfo = f->flowinfo;
		fib->sport = f->tuple.ipv6.sport;
		fib->dport = f->tuple.ipv6.dport;
		__builtin_memcpy(fib->ipv6_src, f->tuple.ipv6.saddr, 16);
		__builtin_memcpy(fib->ipv6_dst, f->tuple.ipv6.daddr, 16);
	}
	route = bpf_fib_lookup(skb, fib, sizeof(*fib), flags);
	if (route == BPF_FIB_LKUP_RET_FWD_DISABLED && f->family == AF_INET6) {
		fib->ifindex = LOOPBACK_IFINDEX;
		route = bpf_fib_lookup(skb, fib, sizeof(*fib), flags);
	}
	return route;
}

/* Is there a router between this host and the destination? A global function: the verifier walks it once. */
__noinline int goes_by_router(struct __sk_buff *skb, const struct flow *f)
{
	struct bpf_fib_lookup fib = {};
	long route = f ? route_look_up(skb, f, &fib, 0) : -1;

	if (route != BPF_FIB_LKUP_RET_SUCCESS && route != BPF_FIB_LKUP_RET_NO_NEIGH)
		return false;
	/* The helper has put the address of the router in place of the destination. */
	if (f->family == AF_INET)
		return fib.family != AF_INET || fib.ipv4_dst != f->tuple.ipv4.daddr;
	return fib.ipv6_dst[0] != f->tuple.ipv6.daddr[0] ||
	       fib.ipv6_dst[1] != f->tuple.ipv6.daddr[1] ||
	       fib.ipv6_dst[2] != f->tuple.ipv6.daddr[2] ||
	       fib.ipv6_dst[3] != f->tuple.ipv6.daddr[3];
}

/* A global function: the verifier walks it once. */
__noinline int route_of(struct __sk_buff *skb, const struct flow *f)
{
	struct bpf_fib_lookup fib = {};

	return f ? route_look_up(skb, f, &fib, 0) : -1;
}

/*
 * A packet that leaves where it came in is no answer to a client there, if packets to its source would
 * leave elsewhere: then its sender has forged the source. A global function, too.
 */
__noinline int route_is_forged(struct __sk_buff *skb, const struct flow *f)
{
	struct bpf_fib_lookup fib = {};
	struct flow back = {};
	long route;

	if (!f || skb->ingress_ifindex != skb->ifindex)
		return 0;
	reverse_flow(f, &back);
	route = route_look_up(skb, &back, &fib, 0);
	return (route == BPF_FIB_LKUP_RET_SUCCESS || route == BPF_FIB_LKUP_RET_NO_NEIGH) &&
	       fib.ifindex != skb->ifindex;
}

/*
 * Is this host the destination? A noted address may have been removed since, so the kernel has
 * to agree; only a noted address costs that look-up. Without forwarding the kernel does not
 * answer, and the noted addresses alone decide.
 */
static __always_inline bool dst_is_ours(struct __sk_buff *skb, const struct flow *f)
{
	int route;

	if (!dst_is_noted(f))
		return false;
	route = route_of(skb, f);
	return route < 0 || route == BPF_FIB_LKUP_RET_NOT_FWDED ||
	       route == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

/*
 * Would the kernel not forward this packet: is there no route, or one that says unreachable,
 * prohibit or blackhole? An address that was configured a moment ago and is not noted yet must
 * stay reachable, and a client must learn at once that its destination has no route, instead of
 * being accepted and reset. Without forwarding the kernel does not answer: false.
 */
static __always_inline bool dst_is_unrouted(struct __sk_buff *skb, const struct flow *f)
{
	switch (route_of(skb, f)) {
	case BPF_FIB_LKUP_RET_BLACKHOLE:
	case BPF_FIB_LKUP_RET_UNREACHABLE:
	case BPF_FIB_LKUP_RET_PROHIBIT:
	case BPF_FIB_LKUP_RET_NOT_FWDED:
		return true;
	default:
		return false;
	}
}

#endif
