/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A call of connect or sendmsg as a flow: what the hooks read from their context and write to it.
 * Decides nothing.
 */
#ifndef TPROXY_OWN_CALL_BPF_H
#define TPROXY_OWN_CALL_BPF_H

#include "flow.bpf.h"
#include "own_maps.bpf.h"
#include "proto.bpf.h"
#include "tproxy_own.h"

#define SOL_SOCKET 1
#define SO_MARK 36
#define IPPROTO_MPTCP 262

/* Results of the hooks: the kernel returns -EPERM for a refusal, or what bpf_set_retval says. */
#define HOOK_REFUSE 0
#define HOOK_ALLOW 1

#define EPERM 1
#define ENOMEM 12
#define ECONNREFUSED 111

static __always_inline int hook_refuse(int err)
{
	bpf_set_retval(-err);
	return HOOK_REFUSE;
}

/* 0: neither TCP nor UDP. */
static __always_inline __u8 call_proto(const struct bpf_sock_addr *ctx)
{
	switch (ctx->protocol) {
	case IPPROTO_MPTCP:
	case IPPROTO_TCP:
		return IPPROTO_TCP;
	case IPPROTO_UDP:
		return IPPROTO_UDP;
	default:
		return 0;
	}
}

/* The source is the address that the socket is bound to, else 0. Its port may still be 0. */
static __always_inline void call_read4(struct bpf_sock_addr *ctx, struct flow *f)
{
	f->family = AF_INET;
	f->proto = call_proto(ctx);
	f->tuple.ipv4.daddr = ctx->user_ip4;
	f->tuple.ipv4.dport = ctx->user_port;
	f->tuple.ipv4.saddr = ctx->sk->src_ip4;
	f->tuple.ipv4.sport = bpf_htons(ctx->sk->src_port);
}

/* ::ffff:a.b.c.d becomes a flow of IPv4, as it does in the kernel after the hook. */
static __always_inline void call_read6(struct bpf_sock_addr *ctx, struct flow *f)
{
	__u32 dst[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] };
	volatile struct bpf_sock *sk = ctx->sk;

	f->proto = call_proto(ctx);
	if (!dst[0] && !dst[1] && dst[2] == bpf_htonl(0xffff)) {
		f->family = AF_INET;
		f->tuple.ipv4.daddr = dst[3];
		f->tuple.ipv4.dport = ctx->user_port;
		f->tuple.ipv4.saddr = sk->src_ip4;
		f->tuple.ipv4.sport = bpf_htons(sk->src_port);
		return;
	}
	f->family = AF_INET6;
	__builtin_memcpy(f->tuple.ipv6.daddr, dst, sizeof(dst));
	f->tuple.ipv6.dport = ctx->user_port;
	f->tuple.ipv6.saddr[0] = sk->src_ip6[0];
	f->tuple.ipv6.saddr[1] = sk->src_ip6[1];
	f->tuple.ipv6.saddr[2] = sk->src_ip6[2];
	f->tuple.ipv6.saddr[3] = sk->src_ip6[3];
	f->tuple.ipv6.sport = bpf_htons(sk->src_port);
}

static __always_inline bool call_is_bound(const struct flow *f)
{
	if (f->family == AF_INET)
		return f->tuple.ipv4.saddr != 0;
	return f->tuple.ipv6.saddr[0] | f->tuple.ipv6.saddr[1] | f->tuple.ipv6.saddr[2] |
	       f->tuple.ipv6.saddr[3];
}

/* Sets or clears our bit of the socket's mark, and leaves all others. 0 or -errno. */
static __always_inline long call_mark(struct bpf_sock_addr *ctx, __u32 bit, bool set)
{
	__u32 was = ctx->sk->mark;
	__u32 mark = set ? was | bit : was & ~bit;

	if (mark == was)
		return 0;
	return bpf_setsockopt(ctx, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
}

#endif
