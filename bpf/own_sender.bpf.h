/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The socket on this host that sent a packet, and the rule that its connect has found. A mark alone
 * proves nothing: every program with CAP_NET_ADMIN can set it. Steers nothing.
 */
#ifndef TPROXY_OWN_SENDER_BPF_H
#define TPROXY_OWN_SENDER_BPF_H

#include "flow.bpf.h"
#include "maps.bpf.h"
#include "match.bpf.h"
#include "own_maps.bpf.h"
#include "own_match.bpf.h"
#include "owner.bpf.h"
#include "socket.bpf.h"
#include "tproxy.h"
#include "tproxy_own.h"

/* What sender_rule returns if it is no number of a rule. */
enum sender {
	SENDER_GONE = -1,     /* no socket has both ends of the flow */
	SENDER_UNNOTED = -2,  /* connect gave it to no proxy */
	SENDER_NO_RULE = -3,  /* the present policy has no rule for it */
	SENDER_TIME_WAIT = -4 /* of a connection that has ended */
};

static __always_inline void forget_source(struct flow *f)
{
	if (f->family == AF_INET)
		f->tuple.ipv4.saddr = 0;
	else
		__builtin_memset(f->tuple.ipv6.saddr, 0, 16);
}

/* Another policy is live since the connect: what would it say now? */
static __always_inline int match_again(const struct tproxy_config *cfg,
				       struct tproxy_own_sock *note, struct flow *asked)
{
	__u32 slot = live_slot(cfg);
	tproxy_mask mask;

	if (!note->bound)
		forget_source(asked);
	mask = match_own_flow(slot, asked);
	if (mask && !was_included(note))
		mask &= match_user(&slot, note->uid, note->gid) & match_noted_cgroups(slot, note);
	if (!mask)
		return SENDER_NO_RULE;
	note->rule = lowest_bit(mask);
	note->generation = cfg->generation;
	return (int)note->rule;
}

/* scratch: another copy of a flow would not fit on the stack. */
static __always_inline int noted_rule(struct bpf_sock *s, const struct flow *f,
				      struct flow *scratch)
{
	const struct tproxy_config *cfg = get_config();
	struct tproxy_own_sock *note = bpf_sk_storage_get(&own_sock, s, 0, 0);

	if (!cfg || !note)
		return SENDER_UNNOTED;
	if (note->generation == cfg->generation)
		return (int)note->rule;
	*scratch = *f;
	return match_again(cfg, note, scratch);
}

static __always_inline int tcp_sender_rule(struct __sk_buff *skb, const struct flow *f,
					   struct flow *back)
{
	struct bpf_sock *s __cleanup_sk = lookup_socket(bpf_skc_lookup_tcp, skb, back);
	struct bpf_sock *full;

	if (!s || s->state == BPF_TCP_LISTEN)
		return SENDER_GONE;
	if (s->state == BPF_TCP_TIME_WAIT)
		return SENDER_TIME_WAIT;
	full = bpf_sk_fullsock(s);
	return full ? noted_rule(full, f, back) : SENDER_UNNOTED;
}

static __always_inline int udp_sender_rule(struct __sk_buff *skb, const struct flow *f,
					   struct flow *back)
{
	struct bpf_sock *s __cleanup_sk = lookup_socket(bpf_sk_lookup_udp, skb, back);

	return s && connected_to_src(s, back) ? noted_rule(s, f, back) : SENDER_GONE;
}

/* Number of the rule, or an enum sender. A global function: the verifier walks it once. */
__noinline int sender_rule(struct __sk_buff *skb, const struct flow *f)
{
	struct flow back = {};

	if (!f)
		return SENDER_GONE;
	reverse_flow(f, &back);
	return f->proto == IPPROTO_TCP ? tcp_sender_rule(skb, f, &back) :
					 udp_sender_rule(skb, f, &back);
}

#endif
