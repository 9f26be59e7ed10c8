/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP flows that began at a proxy. When their socket is gone, by a reset of the proxy or
 * with the proxy itself, nobody owns what the client still has on its way; forwarded, it
 * would get past the proxy to the server. It stays here; the proxy's listener, if there is
 * one, answers it with RST (tcp_rcv_state_process).
 *
 * A table with one place for each hash, where a newer flow takes the place of an older one:
 * no lock, no allocation, and for a packet of a flow that just passes one cache line.
 * Whose place was taken is treated like any other flow that is older than us.
 */
#ifndef TPROXY_BEGAN_BPF_H
#define TPROXY_BEGAN_BPF_H

#include "addr.bpf.h"

#define BEGAN_BITS 16 /* 2.5 MiB */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << BEGAN_BITS);
	__type(key, __u32);
	__type(value, struct tproxy_flow_key);
} began SEC(".maps");

static __always_inline struct tproxy_flow_key *began_place(const struct tproxy_flow_key *key)
{
	const __u32 *src = (const __u32 *)key->src, *dst = (const __u32 *)key->dst;
	__u32 h = (src[3] ^ src[1]) * 0x9e3779b1 + (dst[3] ^ dst[1]) * 0x85ebca6b +
		  ((__u32)key->sport << 16 | key->dport) * 0xc2b2ae35;

	h >>= 32 - BEGAN_BITS;
	return bpf_map_lookup_elem(&began, &h);
}

static __always_inline bool same_key(const struct tproxy_flow_key *a,
				     const struct tproxy_flow_key *b)
{
	const __u32 *x = (const __u32 *)a, *y = (const __u32 *)b;

	for (__u32 i = 0; i < sizeof(*a) / sizeof(*x); i++)
		if (x[i] != y[i])
			return false;
	return true;
}

enum began_how {
	BEGAN_HERE,   /* is it noted? */
	BEGAN_NOTE,   /* its start is given to a proxy */
	BEGAN_FORGET, /* it begins anew, and passes */
};

/* A global function: the verifier walks it once, instead of with every way that leads here. */
__noinline int began_at_proxy(const struct flow *f, enum began_how how)
{
	struct tproxy_flow_key key, *place;

	if (!f)
		return 0;
	key = flow_key(f);
	place = began_place(&key);
	if (!place)
		return 0;
	if (how == BEGAN_NOTE) {
		*place = key;
		return 1;
	}
	if (!same_key(place, &key))
		return 0;
	if (how == BEGAN_FORGET)
		place->proto = 0;
	return 1;
}

#endif
