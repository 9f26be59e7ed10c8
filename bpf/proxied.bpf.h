/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP flows that began at a proxy. When their socket is gone, by a reset of the proxy or
 * with the proxy itself, nobody owns what the client still has on its way; forwarded, it
 * would get past the proxy to the server. It stays here; the proxy's listener, if there is
 * one, answers it with RST (tcp_rcv_state_process).
 *
 * A table with one place for each hash, where a newer flow takes the place of an older one:
 * no lock, no allocation. Whose place was taken is treated like any other flow that is older
 * than us. Packets of flows that just pass look at 16 more bits of the hash first, which are
 * kept apart: with many flows each of them missed the caches in the table itself.
 */
#ifndef TPROXY_PROXIED_BPF_H
#define TPROXY_PROXIED_BPF_H

#include "addr.bpf.h"

#define BEGAN_BITS 16 /* 2.5 MiB */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << BEGAN_BITS);
	__type(key, __u32);
	__type(value, struct tproxy_flow_key);
} began SEC(".maps");

/* Low bits of the hash of whom the place is taken by. */
static __u16 began_tags[1 << BEGAN_BITS] SEC(".data.tags");

/* One to one from what is added up: flows that differ in one port only never share place and tag. */
static __always_inline __u32 began_hash(const struct flow *f)
{
	const struct bpf_sock_tuple *t = &f->tuple;
	__u32 src, dst, ports, h;

	if (f->family == AF_INET) {
		src = t->ipv4.saddr;
		dst = t->ipv4.daddr;
		ports = (__u32)t->ipv4.sport << 16 | t->ipv4.dport;
	} else {
		src = t->ipv6.saddr[3] ^ t->ipv6.saddr[1];
		dst = t->ipv6.daddr[3] ^ t->ipv6.daddr[1];
		ports = (__u32)t->ipv6.sport << 16 | t->ipv6.dport;
	}
	h = src * 0x9e3779b1 + dst * 0x85ebca6b + ports * 0xc2b2ae35;
	h = (h ^ h >> 16) * 0x7feb352d;
	return h ^ h >> 15;
}

/* The same flow, whichever rule took it. */
static __always_inline bool same_flow(const struct tproxy_flow_key *a,
				      const struct tproxy_flow_key *b)
{
	const __u32 *x = (const __u32 *)a, *y = (const __u32 *)b;

	if (a->proto != b->proto)
		return false;
	for (__u32 i = 1; i < sizeof(*a) / sizeof(*x); i++)
		if (x[i] != y[i])
			return false;
	return true;
}

enum began_how {
	BEGAN_HERE,   /* is it noted? */
	BEGAN_FORGET, /* it begins again, and passes */
};

/*
 * 0, or one more than the number of the rule that took the flow. A global function, like the
 * next: the verifier walks it once, instead of with every way that leads here.
 */
__noinline int began_at_proxy(const struct flow *f, enum began_how how)
{
	struct tproxy_flow_key key, *place;
	__u32 hash, at;

	if (!f)
		return 0;
	hash = began_hash(f);
	at = hash >> (32 - BEGAN_BITS);
	if (began_tags[at] != (__u16)hash)
		return 0;
	place = bpf_map_lookup_elem(&began, &at);
	if (!place)
		return 0;
	key = flow_key(f);
	if (!same_flow(place, &key))
		return 0;
	if (how == BEGAN_FORGET)
		place->proto = 0;
	return place->rule + 1;
}

/* Its start is given to a proxy by this rule. */
__noinline int began_note(const struct flow *f, __u32 rule)
{
	struct tproxy_flow_key *place;
	__u32 hash, at;

	if (!f)
		return 0;
	hash = began_hash(f);
	at = hash >> (32 - BEGAN_BITS);
	began_tags[at] = (__u16)hash;
	place = bpf_map_lookup_elem(&began, &at);
	if (!place)
		return 0;
	*place = flow_key(f);
	place->rule = (__u8)rule;
	return 1;
}

#endif
