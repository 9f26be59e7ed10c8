/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Questions about addresses, and the one 16-byte form that all internal maps use. */
#ifndef TPROXY_ADDR_BPF_H
#define TPROXY_ADDR_BPF_H

#include "maps.bpf.h"
#include "parse.bpf.h"

#define LOOPBACK_IFINDEX 1 /* include/net/flow.h */

/* to: 16 bytes, IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2). */
static __always_inline void addr_map4(void *to, __be32 addr)
{
	__u32 *words = to;

	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = addr;
}

static __always_inline void addr_copy(const struct flow *f, void *src, void *dst)
{
	if (f->family == AF_INET) {
		addr_map4(src, f->tuple.ipv4.saddr);
		addr_map4(dst, f->tuple.ipv4.daddr);
	} else {
		__builtin_memcpy(src, f->tuple.ipv6.saddr, 16);
		__builtin_memcpy(dst, f->tuple.ipv6.daddr, 16);
	}
}

static __always_inline struct tproxy_flow_key flow_key(const struct flow *f)
{
	struct tproxy_flow_key key = { .proto = f->proto };

	addr_copy(f, key.src, key.dst);
	key.sport = f->family == AF_INET ? f->tuple.ipv4.sport : f->tuple.ipv6.sport;
	key.dport = f->family == AF_INET ? f->tuple.ipv4.dport : f->tuple.ipv6.dport;
	return key;
}

/*
 * Destinations that Linux never forwards, and no others: ip_route_input_slow() and
 * ip6_forward() refuse loopback, multicast, broadcast, unspecified and IPv6 link-local. The
 * rest of 0.0.0.0/8 is an ordinary network (ipv4_is_zeronet asks for 0.0.0.0 alone).
 */
static __always_inline bool dst_stays_local(const struct flow *f)
{
	__u32 a;

	if (f->family == AF_INET) {
		a = bpf_ntohl(f->tuple.ipv4.daddr);
		return a >> 28 == 0xe || a == 0xffffffff || a >> 24 == 127 || !a;
	}
	a = bpf_ntohl(f->tuple.ipv6.daddr[0]);
	if (a >> 24 == 0xff || (a & 0xffc00000) == 0xfe800000)
		return true;
	return !(f->tuple.ipv6.daddr[0] | f->tuple.ipv6.daddr[1] | f->tuple.ipv6.daddr[2]) &&
	       bpf_ntohl(f->tuple.ipv6.daddr[3]) <= 1;
}

/* As the loader last saw it. */
static __always_inline bool dst_is_noted(const struct flow *f)
{
	struct tproxy_local_key key;
	__u8 src[16];

	/* ::ffff:a.b.c.d on the wire is IPv6, and no address of ours. */
	if (f->family == AF_INET6 && !(f->tuple.ipv6.daddr[0] | f->tuple.ipv6.daddr[1]) &&
	    f->tuple.ipv6.daddr[2] == bpf_htonl(0xffff))
		return false;
	addr_copy(f, src, key.addr);
	return bpf_map_lookup_elem(&local, &key) != NULL;
}

/*
 * What the kernel would do with the packet: BPF_FIB_LKUP_RET_…, or negative. Asked with
 * all that a rule may route by and a packet has: ports, TOS, flow label; the packet has no
 * mark yet. NOT_FWDED is an address of this host, or no route at all. A global function.
 *
 * The helper wants the flag of the device; of IPv6 the kernel forwards by that for all devices
 * alone (ip6_forward), which lo has like any other.
 */
__noinline int route_of(struct __sk_buff *skb, const struct flow *f)
{
	struct bpf_fib_lookup fib = {};
	long route;

	if (!f)
		return -1;
	fib.family = f->family;
	fib.l4_protocol = f->proto;
	fib.ifindex = skb->ingress_ifindex;
	if (f->family == AF_INET) {
		fib.tos = bpf_ntohl(f->flowinfo);
		fib.sport = f->tuple.ipv4.sport;
		fib.dport = f->tuple.ipv4.dport;
		fib.ipv4_src = f->tuple.ipv4.saddr;
		fib.ipv4_dst = f->tuple.ipv4.daddr;
	} else {
		fib.flowinfo = f->flowinfo;
		fib.sport = f->tuple.ipv6.sport;
		fib.dport = f->tuple.ipv6.dport;
		__builtin_memcpy(fib.ipv6_src, f->tuple.ipv6.saddr, 16);
		__builtin_memcpy(fib.ipv6_dst, f->tuple.ipv6.daddr, 16);
	}
	route = bpf_fib_lookup(skb, &fib, sizeof(fib), 0);
	if (route == BPF_FIB_LKUP_RET_FWD_DISABLED && f->family == AF_INET6) {
		fib.ifindex = LOOPBACK_IFINDEX;
		route = bpf_fib_lookup(skb, &fib, sizeof(fib), 0);
	}
	return route;
}

/*
 * Addressed to this host? The addresses that the loader noted may have moved away since: the
 * kernel has to agree, which is free unless there is a hit. Without forwarding it does not
 * answer, and what was noted decides.
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
 * Would the kernel forward this packet at all? Left alone if not, for there is no
 * route, or one that says unreachable, prohibit or blackhole: an address that was configured a
 * moment ago and is not noted yet must stay reachable, and a client whose destination has
 * no route must hear so at once instead of being accepted and reset. With forwarding
 * disabled nothing can be told, and the noted addresses alone decide.
 */
static __always_inline bool dst_is_unrouted(struct __sk_buff *skb, const struct flow *f)
{
	int route = route_of(skb, f);

	return route >= BPF_FIB_LKUP_RET_BLACKHOLE && route <= BPF_FIB_LKUP_RET_NOT_FWDED;
}

#endif
