// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Answers SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST for proxies that were written for REDIRECT. A
 * connection that came by our assignment has the original destination as its local address, so no
 * state is needed. Where the kernel has an answer of its own, from conntrack, that one stays.
 *
 * An object of its own, attached to the cgroup of such a proxy (cgroup/getsockopt). Knows no policy.
 */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "local.bpf.h"
#include "proto.bpf.h"

#define SOL_IP 0
#define SOL_IPV6 41
#define SO_ORIGINAL_DST 80 /* linux/netfilter_ipv4.h; IP6T_SO_ORIGINAL_DST is the same */
#define IPPROTO_MPTCP 262
#define EINVAL 22
#define ANSWERED 1 /* 0 would be -EPERM for the application */

/* As struct sockaddr_in and sockaddr_in6: netinet/in.h. */
struct answer4 {
	__u16 family;
	__be16 port;
	__be32 addr;
	__u8 zero[8];
};
struct answer6 {
	__u16 family;
	__be16 port;
	__be32 flowinfo;
	__be32 addr[4];
	__u32 scope_id;
};

/* The loader's network namespace: addresses of others are not in `local`. */
const volatile __u64 netns_cookie;

/*
 * The kernel hands over one page at most (sockopt_alloc_buf). It would fail a longer answer
 * (EFAULT), unless the length 0 tells it to leave everything as it is.
 */
static __always_inline int leave(struct bpf_sockopt *ctx)
{
	if (ctx->optlen > (__s64)(ctx->optval_end - ctx->optval))
		ctx->optlen = 0;
	return ANSWERED;
}

/* As nf_conntrack's getorigdst and ipv6_getorigdst for a buffer that is too short. */
static __always_inline int refuse_short(struct bpf_sockopt *ctx)
{
	bpf_set_retval(-EINVAL);
	return leave(ctx);
}

static __always_inline int answered(struct bpf_sockopt *ctx, int len)
{
	ctx->optlen = len;
	bpf_set_retval(0);
	return ANSWERED;
}

static __always_inline bool is_connection(const struct bpf_sock *sk)
{
	if (sk->protocol != IPPROTO_TCP && sk->protocol != IPPROTO_MPTCP)
		return false;
	return sk->state != BPF_TCP_LISTEN && sk->dst_port;
}

/* By its local address: not one of this host. */
static __always_inline bool is_proxied(const struct bpf_sock *sk, struct tproxy_local_key *key)
{
	__be32 *words = (__be32 *)key->addr;

	if (!words[0] && !words[1] && words[2] == bpf_htonl(0xffff))
		return bpf_ntohl(words[3]) >> 24 != 127 && words[3] &&
		       !bpf_map_lookup_elem(&local, key);
	/* ::, ::1 */
	if (!words[0] && !words[1] && !words[2])
		return false;
	return !bpf_map_lookup_elem(&local, key);
}

/*
 * Also for an IPv6 socket whose client uses IPv4: the kernel answers at this level, too. The local
 * IPv4 address of one whose client uses IPv6 is of no meaning (LOOPBACK4_IPV6).
 */
static __always_inline int answer_ipv4(struct bpf_sockopt *ctx, const struct bpf_sock *sk)
{
	struct tproxy_local_key key = {};
	struct answer4 *answer = ctx->optval;
	__be32 *words = (__be32 *)key.addr;

	if (sk->family == AF_INET6 &&
	    (sk->src_ip6[0] || sk->src_ip6[1] || sk->src_ip6[2] != bpf_htonl(0xffff)))
		return leave(ctx);
	words[2] = bpf_htonl(0xffff);
	words[3] = sk->src_ip4;
	if (!is_proxied(sk, &key))
		return leave(ctx);
	if (ctx->optlen < (__s32)sizeof(*answer) || (void *)(answer + 1) > ctx->optval_end)
		return refuse_short(ctx);
	*answer = (struct answer4){ .family = AF_INET,
				    .port = bpf_htons(sk->src_port),
				    .addr = words[3] };
	return answered(ctx, sizeof(*answer));
}

static __always_inline int answer_ipv6(struct bpf_sockopt *ctx, const struct bpf_sock *sk)
{
	struct tproxy_local_key key = {};
	struct answer6 *answer = ctx->optval;
	__be32 *words = (__be32 *)key.addr;

	words[0] = sk->src_ip6[0];
	words[1] = sk->src_ip6[1];
	words[2] = sk->src_ip6[2];
	words[3] = sk->src_ip6[3];
	if (sk->family != AF_INET6 || (!words[0] && !words[1] && words[2] == bpf_htonl(0xffff)) ||
	    !is_proxied(sk, &key))
		return leave(ctx);
	if (ctx->optlen < (__s32)sizeof(*answer) || (void *)(answer + 1) > ctx->optval_end)
		return refuse_short(ctx);
	answer->family = AF_INET6;
	answer->port = bpf_htons(sk->src_port);
	answer->flowinfo = 0;
	answer->addr[0] = words[0];
	answer->addr[1] = words[1];
	answer->addr[2] = words[2];
	answer->addr[3] = words[3];
	answer->scope_id = 0;
	return answered(ctx, sizeof(*answer));
}

/*
 * retval 0: the kernel, or a program before ours, has answered. Without conntrack the kernel knows
 * no such option, with it no such flow (ENOPROTOOPT, ENOENT).
 */
SEC("cgroup/getsockopt")
int tproxy_shim(struct bpf_sockopt *ctx)
{
	const struct bpf_sock *sk = ctx->sk;

	if (ctx->optname != SO_ORIGINAL_DST || !ctx->retval)
		return leave(ctx);
	if (ctx->level != SOL_IP && ctx->level != SOL_IPV6)
		return leave(ctx);
	if (!sk || !is_connection(sk) || bpf_get_netns_cookie(ctx) != netns_cookie)
		return leave(ctx);
	return ctx->level == SOL_IP ? answer_ipv4(ctx, sk) : answer_ipv6(ctx, sk);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
