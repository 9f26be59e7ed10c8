/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Questions about addresses, and the one 16-byte form that all internal maps use. */
#ifndef TPROXY_ADDR_BPF_H
#define TPROXY_ADDR_BPF_H

#include "maps.bpf.h"
#include "parse.bpf.h"

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

/* Destinations that are never forwarded, so never ours: multicast, broadcast, loopback, link-local. */
static __always_inline bool dst_stays_local(const struct flow *f)
{
	__u32 a;

	if (f->family == AF_INET) {
		a = bpf_ntohl(f->tuple.ipv4.daddr);
		return a >= 0xe0000000 || a >> 24 == 127 || a >> 24 == 0 || a >> 16 == 0xa9fe;
	}
	a = bpf_ntohl(f->tuple.ipv6.daddr[0]);
	if (a >> 24 == 0xff || (a & 0xffc00000) == 0xfe800000)
		return true;
	return !(f->tuple.ipv6.daddr[0] | f->tuple.ipv6.daddr[1] | f->tuple.ipv6.daddr[2]) &&
	       bpf_ntohl(f->tuple.ipv6.daddr[3]) <= 1;
}

static __always_inline bool dst_is_ours(const struct flow *f)
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
 * Would the kernel forward this packet at all? Left alone if not, for there is no
 * route, or one that says unreachable, prohibit or blackhole: an address that was configured a moment ago and is not in the local map yet must stay
 * reachable, and a client whose destination has no route must hear so at once
 * instead of being accepted and reset. With forwarding disabled nothing can be
 * told, and the local map alone decides.
 */
static __always_inline bool dst_is_unrouted(struct __sk_buff *skb, const struct flow *f)
{
	struct bpf_fib_lookup fib = {};
	long result;

	fib.family = f->family;
	fib.l4_protocol = f->proto;
	fib.ifindex = skb->ingress_ifindex;
	/* With the ports: a rule may route them apart, and what it routes goes past the proxy. */
	if (f->family == AF_INET) {
		fib.sport = f->tuple.ipv4.sport;
		fib.dport = f->tuple.ipv4.dport;
		fib.ipv4_src = f->tuple.ipv4.saddr;
		fib.ipv4_dst = f->tuple.ipv4.daddr;
	} else {
		fib.sport = f->tuple.ipv6.sport;
		fib.dport = f->tuple.ipv6.dport;
		__builtin_memcpy(fib.ipv6_src, f->tuple.ipv6.saddr, 16);
		__builtin_memcpy(fib.ipv6_dst, f->tuple.ipv6.daddr, 16);
	}
	result = bpf_fib_lookup(skb, &fib, sizeof(fib), 0);
	return result >= BPF_FIB_LKUP_RET_BLACKHOLE && result <= BPF_FIB_LKUP_RET_NOT_FWDED;
}

#endif
