/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets on lo that this host sent to a proxy: by our bit in the mark, or to a token. The route has
 * delivered them to this host already; here they get their destination back, and flow starts their
 * listener. What no rule wants (any more) leaves as if it had never been here. All others are left
 * alone at once, because all traffic of lo pays for that.
 */
#ifndef TPROXY_OWN_LO_BPF_H
#define TPROXY_OWN_LO_BPF_H

#include "action.bpf.h"
#include "count.bpf.h"
#include "flow.bpf.h"
#include "frag.bpf.h"
#include "intent.bpf.h"
#include "match.bpf.h"
#include "own_match.bpf.h"
#include "own_restore.bpf.h"
#include "own_sender.bpf.h"
#include "own_token.bpf.h"
#include "own_toobig.bpf.h"
#include "parse.bpf.h"
#include "route.bpf.h"
#include "steer.bpf.h"
#include "tproxy.h"
#include "tproxy_own.h"
#include "verdict.bpf.h"

#define TC_ACT_UNSPEC (-1)
#define TC_ACT_SHOT 2

/* How a packet came here. */
enum lo_way {
	LO_NONE,   /* it is none of ours */
	LO_MARK,   /* its socket has our bit */
	LO_TOKEN,  /* it is addressed to a token; sendmsg has found the rule */
	LO_ROUTED, /* the same, and a moment ago there was a route to its destination */
};

/* What to do with it. VERDICT_KEEP of verdict.bpf.h is "deliver" here. */
#define LO_ESCAPE VERDICT_NEXT

/* What escape returns if there is no way, which is no TC code. */
#define ESCAPE_REFUSE 1000
#define ESCAPE_TOO_BIG 2000 /* and the MTU of the way added */

/* ---- recognise ---------------------------------------------------------- */

static __always_inline bool to_token(struct __sk_buff *skb, const struct tproxy_own *own)
{
	__u32 dst[4];

	if (skb->protocol == bpf_htons(ETH_P_IP))
		return !load_net(skb, IP_DST_OFFSET, dst, sizeof(dst[0])) && is_token4(dst[0]);
	return skb->protocol == bpf_htons(ETH_P_IPV6) &&
	       !load_net(skb, IPV6_DST_OFFSET, dst, sizeof(dst)) && is_token6(own, dst);
}

static __always_inline __u32 token_index(const struct flow *f)
{
	return f->family == AF_INET ? bpf_ntohl(f->tuple.ipv4.daddr) & 0xffff :
				      bpf_ntohl(f->tuple.ipv6.daddr[3]);
}

/* ---- rule --------------------------------------------------------------- */

static __always_inline struct match rule_number(const struct tproxy_config *cfg, __u32 number)
{
	__u32 slot = live_slot(cfg);
	struct match m = { .number = number };

	m.rule = live_lookup(&rules_gen, &slot, &number);
	return m;
}

/* A flow start whose rule is known. The hooks have counted what is not for a proxy. */
static __always_inline enum verdict lo_start(struct __sk_buff *skb, const struct match *m,
					     struct flow *f, const struct intent *i,
					     enum lo_way way)
{
	if (!m->rule || m->rule->action == TPROXY_ACTION_PASS ||
	    m->rule->action == TPROXY_ACTION_AUDIT || m->rule->action == TPROXY_ACTION_NONE)
		return leave(TPROXY_COUNT_OWN_STALE);
	count_rule(m->number, f->bytes, f->proto == IPPROTO_TCP);
	if (m->rule->action == TPROXY_ACTION_RESET)
		return act_reset(skb, f);
	if (m->rule->action == TPROXY_ACTION_DROP)
		return act_drop(f);
	if (way != LO_ROUTED && m->rule->unrouted == TPROXY_UNROUTED_PASS &&
	    dst_is_unrouted(skb, f))
		return leave(TPROXY_COUNT_UNROUTED);
	/* traceroute: the first router answers; without one, this would be a way past the proxy */
	if (f->ttl <= 1 && f->proto == IPPROTO_UDP && goes_by_router(skb, f))
		return leave(TPROXY_COUNT_TTL);
	if (f->frag == FRAG_FIRST && m->rule->on_down != TPROXY_ON_DOWN_PASS)
		frag_note_dropped(f);
	return steer(skb, m, f, i->how, i->why);
}

/*
 * Segments that no socket owns. If the proxy has lost the connection, they are delivered: the listener or
 * the kernel answers with RST. If its start went to the server, because the rule has changed or there was
 * no listener, they follow it.
 */
static __always_inline enum verdict lo_late(struct __sk_buff *skb, const struct match *m,
					    struct flow *f, const struct intent *i)
{
	const struct tproxy_rule *rule = m->rule;

	if (i->what == INTENT_LEAVE)
		return rule && rule->action == TPROXY_ACTION_PROXY &&
				       rule->on_down != TPROXY_ON_DOWN_PASS ?
			       VERDICT_KEEP :
			       leave(TPROXY_COUNT_OWN_STALE);
	if (rule && rule->action == TPROXY_ACTION_PROXY)
		steer(skb, m, f, i->how, i->why);
	return VERDICT_KEEP;
}

static __always_inline enum verdict lo_marked(struct __sk_buff *skb,
					      const struct tproxy_config *cfg, struct flow *f)
{
	struct intent i = f->proto == IPPROTO_TCP ? tcp_intent(skb, f) : udp_intent(skb, f);
	struct match m;
	int rule;

	if (i.what == INTENT_KEEP)
		return keep(i.why);
	rule = sender_rule(skb, f);
	if (rule == SENDER_UNNOTED || rule == SENDER_NO_RULE)
		return leave(TPROXY_COUNT_OWN_STALE);
	if (rule < 0)
		return f->proto == IPPROTO_TCP ? VERDICT_KEEP : leave(TPROXY_COUNT_OWN_STALE);
	m = rule_number(cfg, (__u32)rule);
	if (i.what == INTENT_LEAVE || !is_flow_start(i.how))
		return lo_late(skb, &m, f, &i);
	return lo_start(skb, &m, f, &i, LO_MARK);
}

/* Every datagram to a token is a start, unless a connected socket of the proxy has the flow. */
static __always_inline enum verdict lo_token(struct __sk_buff *skb, const struct tproxy_config *cfg,
					     struct flow *f, enum lo_way way, __u32 rule)
{
	struct intent i = udp_intent(skb, f);
	struct match m;

	if (i.what == INTENT_KEEP)
		return keep(i.why);
	m = rule_number(cfg, rule);
	return lo_start(skb, &m, f, &i, way);
}

/* ---- packet ------------------------------------------------------------- */

static __always_inline enum verdict lo_flow(struct __sk_buff *skb, const struct tproxy_config *cfg,
					    struct flow *f, enum lo_way way, __u32 rule)
{
	enum verdict verdict;

	if (f->frag == FRAG_LATER)
		return decide_later_fragment(f);
	if (f->frag == FRAG_FIRST)
		frag_forget(f);
	verdict = way == LO_MARK ? lo_marked(skb, cfg, f) : lo_token(skb, cfg, f, way, rule);
	if (verdict == VERDICT_KEEP && f->frag == FRAG_FIRST)
		frag_note_kept(f);
	return verdict;
}

/*
 * Every user may give a socket a source route. Its packets do not go to the destination in their header,
 * so no rule can be asked again, and none has left them alone.
 */
static __always_inline enum verdict lo_by_mark(struct __sk_buff *skb,
					       const struct tproxy_config *cfg, struct flow *f,
					       enum parse_result result)
{
	switch (result) {
	case PARSE_FLOW:
		return lo_flow(skb, cfg, f, LO_MARK, 0);
	case PARSE_SOURCE_ROUTE:
		return drop(TPROXY_COUNT_SOURCE_ROUTE);
	case PARSE_ROUTING_HEADER:
		return drop(TPROXY_COUNT_ROUTING_HEADER);
	default:
		return leave(TPROXY_COUNT_OWN_STALE);
	}
}

/* ret_way: LO_NONE if somebody sent to a token that is not in use. */
static __always_inline enum verdict lo_decide(struct __sk_buff *skb, const struct tproxy_own *own,
					      struct flow *f, enum lo_way *ret_way)
{
	const struct tproxy_config *cfg = get_config();
	enum parse_result result = parse(skb, f);
	__u16 period = TPROXY_OWN_PERIOD(bpf_ktime_get_ns());
	struct tproxy_token *found;
	enum verdict verdict;
	enum lo_way way;
	__u32 rule;

	if (!cfg || !f->family)
		return LO_ESCAPE;
	if (*ret_way != LO_TOKEN)
		return lo_by_mark(skb, cfg, f, result);
	found = result == PARSE_FLOW && f->proto == IPPROTO_UDP ? token_at(token_index(f)) : NULL;
	if (!found) {
		*ret_way = LO_NONE;
		return VERDICT_NEXT;
	}
	rule = found->rule;
	way = found->route == period ? LO_ROUTED : LO_TOKEN;
	if (!restore_dst(skb, f, found))
		return drop(TPROXY_COUNT_ASSIGN_FAILED);
	verdict = lo_flow(skb, cfg, f, way, rule);
	if (verdict == VERDICT_KEEP)
		found->route = period;
	return verdict;
}

/*
 * The kernel has no route, or it is an address of this host, perhaps one that nobody has noted yet. The
 * main table has the network of such an address; the table `local`, which was asked before, would hide it.
 */
static __always_inline int escape_unrouted(struct __sk_buff *skb, const struct flow *f)
{
	struct bpf_fib_lookup fib = {};

	switch (route_look_up(skb, f, &fib, BPF_FIB_LOOKUP_DIRECT)) {
	case BPF_FIB_LKUP_RET_SUCCESS:
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		return TC_ACT_UNSPEC;
	default:
		if (dst_is_noted(f))
			return TC_ACT_UNSPEC;
		return ESCAPE_REFUSE;
	}
}

/* Where the kernel does not forward, it does not answer: the default route is the best guess. */
static __always_inline int escape_blindly(const struct flow *f)
{
	const struct tproxy_own *own = get_own();
	__u32 out = own ? f->family == AF_INET ? own->out4 : own->out6 : 0;

	if (dst_is_noted(f) || dst_stays_local(f))
		return TC_ACT_UNSPEC;
	return out ? bpf_redirect_neigh(out, NULL, 0, 0) : TC_ACT_SHOT;
}

/*
 * To the real destination, past the proxy: a TC code, or one of ESCAPE_…. A global function: its stack is
 * not in use when the rules are asked.
 */
__noinline int escape(struct __sk_buff *skb, const struct flow *f)
{
	struct bpf_fib_lookup fib = {};

	if (!f)
		return TC_ACT_SHOT;
	switch (route_look_up(skb, f, &fib, 0)) {
	case BPF_FIB_LKUP_RET_SUCCESS:
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		return bpf_redirect_neigh(fib.ifindex, NULL, 0, 0);
	case BPF_FIB_LKUP_RET_NOT_FWDED:
	case BPF_FIB_LKUP_RET_UNREACHABLE:
	case BPF_FIB_LKUP_RET_PROHIBIT:
		return escape_unrouted(skb, f);
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return escape_blindly(f);
	case BPF_FIB_LKUP_RET_FRAG_NEEDED:
		return ESCAPE_TOO_BIG + fib.mtu_result;
	default:
		return TC_ACT_SHOT;
	}
}

/* Only tc sees whether a datagram may be fragmented; a bit passes that on to the proxy's socket. */
static __always_inline __u32 delivered_mark(struct __sk_buff *skb, const struct flow *f)
{
	const struct tproxy_config *cfg = get_config();
	__u32 mark = skb->mark;

	if (!cfg)
		return mark;
	mark &= ~cfg->df_mark;
	return f->df && f->proto == IPPROTO_UDP ? mark | cfg->df_mark : mark;
}

/* An ICMP error, or a RST as from a closed port, comes back by lo. */
static __always_inline int leave_lo(struct __sk_buff *skb, const struct flow *f)
{
	int result = escape(skb, f);
	int made;

	if (result < ESCAPE_REFUSE)
		return result;
	made = result == ESCAPE_REFUSE ? make_refusal(skb, f) :
					 make_too_big(skb, f, result - ESCAPE_TOO_BIG);
	return made ? bpf_redirect(skb->ifindex, 0) : TC_ACT_SHOT;
}

static __always_inline int lo_packet(struct __sk_buff *skb, const struct tproxy_own *own)
{
	enum lo_way way = skb->mark & own->mark ? LO_MARK : LO_NONE;
	struct flow f = {};
	enum verdict verdict;

	if (to_token(skb, own))
		way = LO_TOKEN;
	if (way == LO_NONE)
		return TC_ACT_UNSPEC;
	/* The route is chosen; the proxy's socket must not inherit the bit (tcp_fwmark_accept). */
	skb->mark &= ~own->mark;
	verdict = lo_decide(skb, own, &f, &way);
	if (way == LO_NONE)
		return TC_ACT_UNSPEC;
	switch (verdict) {
	case VERDICT_KEEP:
		skb->mark = delivered_mark(skb, &f);
		return TC_ACT_UNSPEC;
	case VERDICT_DROP:
		return TC_ACT_SHOT;
	case VERDICT_REPLY:
		return bpf_redirect(skb->ifindex, 0);
	default:
		return leave_lo(skb, &f);
	}
}

#endif
