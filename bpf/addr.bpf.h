/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses: the one 16-byte form that all internal maps use, the key of a flow in this form,
 * and destinations that are special by their value. Knows no map.
 */
#ifndef TPROXY_ADDR_BPF_H
#define TPROXY_ADDR_BPF_H

#include "flow.bpf.h"
#include "proto.bpf.h"
#include "tproxy.h"

/* to: 16 bytes, IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2). */
static __always_inline void addr_map4(void *to, __be32 addr)
{
	__u32 *words = to;

	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = addr;
}

/* ret_src, ret_dst: 16 bytes each. */
static __always_inline void addr_copy(const struct flow *f, void *ret_src, void *ret_dst)
{
	if (f->family == AF_INET) {
		addr_map4(ret_src, f->tuple.ipv4.saddr);
		addr_map4(ret_dst, f->tuple.ipv4.daddr);
	} else {
		__builtin_memcpy(ret_src, f->tuple.ipv6.saddr, 16);
		__builtin_memcpy(ret_dst, f->tuple.ipv6.daddr, 16);
	}
}

/* Where the stack has no room for another key. */
static __always_inline void set_flow_key(const struct flow *f, struct tproxy_flow_key *ret_key)
{
	__builtin_memset(ret_key, 0, sizeof(*ret_key));
	ret_key->proto = f->proto;
	addr_copy(f, ret_key->src, ret_key->dst);
	ret_key->sport = f->family == AF_INET ? f->tuple.ipv4.sport : f->tuple.ipv6.sport;
	ret_key->dport = f->family == AF_INET ? f->tuple.ipv4.dport : f->tuple.ipv6.dport;
}

static __always_inline struct tproxy_flow_key flow_key(const struct flow *f)
{
	struct tproxy_flow_key key;

	set_flow_key(f, &key);
	return key;
}

/* The key of the flow whose sender this packet answers. */
static __always_inline void set_answered_key(const struct flow *f, struct tproxy_flow_key *ret_key)
{
	__builtin_memset(ret_key, 0, sizeof(*ret_key));
	ret_key->proto = f->proto;
	addr_copy(f, ret_key->dst, ret_key->src);
	ret_key->dport = f->family == AF_INET ? f->tuple.ipv4.sport : f->tuple.ipv6.sport;
	ret_key->sport = f->family == AF_INET ? f->tuple.ipv4.dport : f->tuple.ipv6.dport;
}

/*
 * Destinations that Linux never forwards, and no others: ip_route_input_slow() and
 * ip6_forward() refuse loopback, multicast, broadcast, unspecified and IPv6 link-local. The
 * rest of 0.0.0.0/8 is an ordinary network (ipv4_is_zeronet matches 0.0.0.0 alone).
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

#endif
