/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What sk_lookup needs: the key of the flow that is looked up, and the socket of a slot. Does not
 * decide which slot.
 */
#ifndef TPROXY_LOOKUP_BPF_H
#define TPROXY_LOOKUP_BPF_H

#include "addr.bpf.h"
#include "maps.bpf.h"
#include "proto.bpf.h"
#include "socket.bpf.h"
#include "tproxy.h"

/*
 * key: protocol and ports are set. Field by field, each at a constant offset: the context allows no
 * other access.
 */
static __always_inline void lookup_addrs(const struct bpf_sk_lookup *ctx,
					 struct tproxy_flow_key *key)
{
	if (ctx->family == AF_INET) {
		addr_map4(key->src, ctx->remote_ip4);
		addr_map4(key->dst, ctx->local_ip4);
	} else {
		__u32 *src = (__u32 *)key->src, *dst = (__u32 *)key->dst;

#pragma unroll
		for (int i = 0; i < 4; i++) {
			src[i] = ctx->remote_ip6[i];
			dst[i] = ctx->local_ip6[i];
		}
	}
}

/* False if the listener is gone. */
static __always_inline bool lookup_assign(struct bpf_sk_lookup *ctx, __u32 slot)
{
	struct bpf_sock *s __cleanup_sk = bpf_map_lookup_elem(&socks, &slot);

	return s && !bpf_sk_assign(ctx, s, 0);
}

#endif
