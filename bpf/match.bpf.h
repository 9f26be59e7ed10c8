/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flow to rule: one look-up for each dimension (interface, port, destination, source) yields the
 * mask of rules that accept its value; the lowest bit of their AND is the first matching rule. So
 * it costs the same for one rule or sixty-four. Reads the live policy; acts on nothing.
 */
#ifndef TPROXY_MATCH_BPF_H
#define TPROXY_MATCH_BPF_H

#include "flow.bpf.h"
#include "maps.bpf.h"
#include "proto.bpf.h"
#include "tproxy.h"

struct match {
	const struct tproxy_rule *rule; /* NULL: no rule matches this flow */
	__u32 number;
	__u32 vrf; /* ifindex of the VRF that the ingress interface is a member of, or 0 */
};

/*
 * Number of the lowest set bit; mask is not 0. Counts the ones below that bit (Hacker's Delight,
 * 5-1): clang 14 crashes on __builtin_ctzll for BPF, and a search with branches multiplies the
 * verifier's paths by 64.
 */
static __always_inline __u32 lowest_bit(tproxy_mask mask)
{
	__u64 x = (mask & -mask) - 1;

	x -= (x >> 1) & 0x5555555555555555ULL;
	x = (x & 0x3333333333333333ULL) + ((x >> 2) & 0x3333333333333333ULL);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (x * 0x0101010101010101ULL) >> 56;
}

static __always_inline tproxy_mask mask_of(const tproxy_mask *found)
{
	return found ? *found : 0;
}

static __always_inline tproxy_mask match_port(__u32 *slot, const struct flow *f)
{
	struct tproxy_port key = { .proto = f->proto };
	tproxy_mask any = mask_of(live_lookup(&ports_gen, slot, &key));

	key.port = f->family == AF_INET ? f->tuple.ipv4.dport : f->tuple.ipv6.dport;
	return any | mask_of(live_lookup(&ports_gen, slot, &key));
}

/* Rules that accept the source. */
static __always_inline tproxy_mask match_source(__u32 *slot, const struct flow *f)
{
	if (f->family == AF_INET) {
		struct tproxy_lpm4 key = { .prefixlen = 32 };

		__builtin_memcpy(key.addr, &f->tuple.ipv4.saddr, sizeof(key.addr));
		return mask_of(live_lookup(&src4_gen, slot, &key));
	} else {
		struct tproxy_lpm6 key = { .prefixlen = 128 };

		__builtin_memcpy(key.addr, f->tuple.ipv6.saddr, sizeof(key.addr));
		return mask_of(live_lookup(&src6_gen, slot, &key));
	}
}

/*
 * Rules that accept destination and source. A global function: inline, its branches would
 * multiply the paths of all that comes after it.
 */
__noinline tproxy_mask match_prefixes(__u32 live, const struct flow *f)
{
	__u32 *slot = &live;

	if (!f)
		return 0;
	if (f->family == AF_INET) {
		struct tproxy_lpm4 key = { .prefixlen = 32 };
		tproxy_mask mask;

		__builtin_memcpy(key.addr, &f->tuple.ipv4.daddr, sizeof(key.addr));
		mask = mask_of(live_lookup(&dst4_gen, slot, &key));
		return mask ? mask & match_source(slot, f) : 0;
	} else {
		struct tproxy_lpm6 key = { .prefixlen = 128 };
		tproxy_mask mask;

		__builtin_memcpy(key.addr, f->tuple.ipv6.daddr, sizeof(key.addr));
		mask = mask_of(live_lookup(&dst6_gen, slot, &key));
		return mask ? mask & match_source(slot, f) : 0;
	}
}

/* The rules of the ingress interface, for any flow. */
static __always_inline tproxy_mask match_iface(struct __sk_buff *skb, __u32 *slot)
{
	__u32 ifindex = skb->ingress_ifindex;
	const struct tproxy_iface *iface = live_lookup(&ifaces_gen, slot, &ifindex);

	return iface ? iface->mask : 0;
}

/* Is there a rule for the addresses, for any port? */
static __always_inline bool match_addresses(struct __sk_buff *skb, const struct tproxy_config *cfg,
					    const struct flow *f)
{
	__u32 slot = live_slot(cfg);

	return match_iface(skb, &slot) & match_prefixes(slot, f);
}

/* Cheap and selective dimensions come first: for most packets the port is the last one. */
static __always_inline struct match match(struct __sk_buff *skb, const struct tproxy_config *cfg,
					  const struct flow *f)
{
	__u32 slot = live_slot(cfg);
	__u32 ifindex = skb->ingress_ifindex;
	const struct tproxy_iface *iface = live_lookup(&ifaces_gen, &slot, &ifindex);
	struct match m = {};
	tproxy_mask mask;

	mask = iface ? iface->mask : 0;
	if (mask)
		mask &= match_port(&slot, f);
	if (mask)
		mask &= match_prefixes(slot, f);
	if (!mask)
		return m;
	m.number = lowest_bit(mask);
	m.rule = live_lookup(&rules_gen, &slot, &m.number);
	m.vrf = iface->vrf;
	if (m.rule && m.rule->action == TPROXY_ACTION_NONE)
		m.rule = NULL;
	return m;
}

#endif
