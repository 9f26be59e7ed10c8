// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * This host's own traffic, which no ingress program sees. own_connect4/6 set a bit of the socket's
 * mark, by which an ip rule leads its packets to lo. own_sendmsg4/6 do the same for datagrams of
 * unconnected sockets, by an address that stands for the destination; own_ingress and
 * own_recvmsg4/6 note who began a flow, so that answers are left alone. own_lo gives these packets to
 * the proxy. own_egress sees to it that none of them leaves by another device.
 *
 * Entry points, and nothing else: own_hook.bpf.h and own_lo.bpf.h decide. An object of its own, because
 * hosts that only forward need none of it.
 */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flow.bpf.h"
#include "match.bpf.h"
#include "own_arrival.bpf.h"
#include "own_call.bpf.h"
#include "own_hook.bpf.h"
#include "own_lo.bpf.h"
#include "own_maps.bpf.h"
#include "own_match.bpf.h"
#include "own_token.bpf.h"
#include "own_udp.bpf.h"
#include "own_watch.bpf.h"
#include "own_wire.bpf.h"
#include "tproxy_own.h"

/* ---- connect ------------------------------------------------------------ */

/* What own_lo needs to know of the socket. */
static __always_inline bool note_socket(struct bpf_sock_addr *ctx, const struct match *m,
					const struct flow *f)
{
	const struct tproxy_config *cfg = get_config();
	struct tproxy_own_sock *note =
		bpf_sk_storage_get(&own_sock, ctx->sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	__u64 ids = bpf_get_current_uid_gid();

	if (!cfg || !note)
		return false;
	note->rule = m->number;
	note->generation = cfg->generation;
	note->uid = (__u32)ids;
	note->gid = ids >> 32;
	note->bound = call_is_bound(f);
	return note_cgroups(note);
}

static __always_inline enum own_verdict decide_connect(struct bpf_sock_addr *ctx,
						       const struct tproxy_own *own,
						       const struct flow *f,
						       struct match *ret_match)
{
	enum own_verdict verdict = decide_own(ctx, own, f, ret_match);

	if (verdict == OWN_PROXY && !has_listener(ctx, f, ret_match->number))
		return without_listener(ret_match->rule);
	return verdict;
}

/* A socket that connects again may have our bit from the last time. */
static __always_inline int connect_to(struct bpf_sock_addr *ctx, const struct tproxy_own *own,
				      const struct flow *f)
{
	struct match m = {};

	switch (decide_connect(ctx, own, f, &m)) {
	case OWN_PROXY:
		if (!note_socket(ctx, &m, f) || call_mark(ctx, own->mark, true))
			return hook_refuse(ENOMEM);
		count_call(TPROXY_COUNT_OWN_FLOW);
		return HOOK_ALLOW;
	case OWN_DENY:
		return hook_refuse(EPERM);
	case OWN_REFUSE:
		return hook_refuse(ECONNREFUSED);
	default:
		call_mark(ctx, own->mark, false);
		return HOOK_ALLOW;
	}
}

SEC("cgroup/connect4")
int own_connect4(struct bpf_sock_addr *ctx)
{
	const struct tproxy_own *own = own_of(ctx);
	struct flow f = {};

	if (!own)
		return HOOK_ALLOW;
	call_read4(ctx, &f);
	return watched_connect(ctx, own, &f, connect_to(ctx, own, &f));
}

SEC("cgroup/connect6")
int own_connect6(struct bpf_sock_addr *ctx)
{
	const struct tproxy_own *own = own_of(ctx);
	struct flow f = {};

	if (!own)
		return HOOK_ALLOW;
	call_read6(ctx, &f);
	return watched_connect(ctx, own, &f, connect_to(ctx, own, &f));
}

/* ---- sendmsg ------------------------------------------------------------ */

/* A look-up for each of many datagrams would cost more than all that the programs do besides. */
static __always_inline bool token_has_listener(struct bpf_sock_addr *ctx, const struct flow *f,
					       const struct match *m, __u32 token)
{
	__u16 period = TPROXY_OWN_PERIOD(bpf_ktime_get_ns());
	struct tproxy_token *t = bpf_map_lookup_elem(&tokens, &token);

	if (t && t->listener == period)
		return true;
	if (!has_listener(ctx, f, m->number))
		return false;
	if (t)
		t->listener = period;
	return true;
}

static __always_inline int refuse_or_pass(const struct match *m)
{
	return without_listener(m->rule) == OWN_ALONE ? HOOK_ALLOW : hook_refuse(ECONNREFUSED);
}

/* A datagram for the proxy. */
static __always_inline int send_to_proxy(struct bpf_sock_addr *ctx, const struct flow *f,
					 const struct match *m, __u32 *ret_token)
{
	struct token_key key = { .rule = m->number };
	__u8 src[16];
	__u32 token;

	addr_copy(f, src, key.dst);
	token = token_of(&key);
	if (token == NO_TOKEN) {
		count_call(TPROXY_COUNT_OWN_FULL);
		return refuse_or_pass(m);
	}
	if (!token_has_listener(ctx, f, m, token))
		return refuse_or_pass(m);
	count_call(TPROXY_COUNT_OWN_DATAGRAM);
	*ret_token = token;
	return HOOK_ALLOW;
}

/*
 * HOOK_ALLOW with a token in ret_token, or with NO_TOKEN if the datagram is left alone; else the result
 * of the hook. The mark stays as it is: for this datagram it would be too late, and another thread may
 * be connecting the socket.
 */
static __always_inline int send_to(struct bpf_sock_addr *ctx, const struct tproxy_own *own,
				   const struct flow *f, __u32 *ret_token)
{
	struct match m = {};

	*ret_token = NO_TOKEN;
	switch (decide_own(ctx, own, f, &m)) {
	case OWN_PROXY:
		return send_to_proxy(ctx, f, &m, ret_token);
	case OWN_DENY:
		return hook_refuse(EPERM);
	case OWN_REFUSE:
		return hook_refuse(ECONNREFUSED);
	default:
		return HOOK_ALLOW;
	}
}

SEC("cgroup/sendmsg4")
int own_sendmsg4(struct bpf_sock_addr *ctx)
{
	const struct tproxy_own *own = own_of(ctx);
	struct flow f = {};
	__u32 token;
	int result;

	if (!own)
		return HOOK_ALLOW;
	call_read4(ctx, &f);
	f.tuple.ipv4.saddr = ctx->msg_src_ip4;
	result = send_to(ctx, own, &f, &token);
	watched_send(ctx, &f, token, result);
	if (result == HOOK_ALLOW && token != NO_TOKEN)
		ctx->user_ip4 = token_addr4(token);
	return result;
}

/* The kernel calls own_sendmsg4 for ::ffff:a.b.c.d. */
SEC("cgroup/sendmsg6")
int own_sendmsg6(struct bpf_sock_addr *ctx)
{
	const struct tproxy_own *own = own_of(ctx);
	const __u32 *prefix;
	struct flow f = {};
	__u32 token;
	int result;

	if (!own)
		return HOOK_ALLOW;
	call_read6(ctx, &f);
	result = send_to(ctx, own, &f, &token);
	watched_send(ctx, &f, token, result);
	if (result != HOOK_ALLOW || token == NO_TOKEN)
		return result;
	prefix = (const __u32 *)own->token6;
	ctx->user_ip6[0] = prefix[0];
	ctx->user_ip6[1] = prefix[1];
	ctx->user_ip6[2] = prefix[2];
	ctx->user_ip6[3] = bpf_htonl(token);
	return result;
}

/* ---- recvmsg ------------------------------------------------------------ */

/* The verifier wants HOOK_ALLOW of both. */
SEC("cgroup/recvmsg4")
int own_recvmsg4(struct bpf_sock_addr *ctx)
{
	struct flow f = {};

	if (ctx->sk->dst_port || !own_of(ctx))
		return HOOK_ALLOW;
	call_read4(ctx, &f);
	receive_from(ctx, &f);
	return HOOK_ALLOW;
}

/* Also for ::ffff:a.b.c.d. */
SEC("cgroup/recvmsg6")
int own_recvmsg6(struct bpf_sock_addr *ctx)
{
	struct flow f = {};

	if (ctx->sk->dst_port || !own_of(ctx))
		return HOOK_ALLOW;
	call_read6(ctx, &f);
	receive_from(ctx, &f);
	return HOOK_ALLOW;
}

/* ---- packets ------------------------------------------------------------ */

SEC("tc")
int own_lo(struct __sk_buff *skb)
{
	const struct tproxy_own *own = get_own();
	int result;

	if (!own || !own->mark)
		return TC_ACT_UNSPEC;
	if (is_watched(TPROXY_WATCH_OWN))
		watch_own_begin(skb);
	result = lo_packet(skb, own);
	if (is_watched(TPROXY_WATCH_OWN))
		watch_own_end(skb, result);
	return result;
}

SEC("cgroup_skb/ingress")
int own_ingress(struct __sk_buff *skb)
{
	if (skb->ifindex != LOOPBACK_IFINDEX)
		receive_packet(skb);
	return HOOK_ALLOW;
}

SEC("cgroup_skb/egress")
int own_egress(struct __sk_buff *skb)
{
	const struct tproxy_own *own = get_own();

	if (!own || skb->ifindex == LOOPBACK_IFINDEX || !wire_is_forbidden(skb, own))
		return HOOK_ALLOW;
	count_call(TPROXY_COUNT_OWN_WIRE);
	return HOOK_REFUSE;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
