/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Shows watch sessions what becomes of own traffic: calls of processes, for which there is no packet
 * yet, and packets on lo. Looks only; changes nothing. Without a session each program tests one word.
 *
 * The hooks keep no record of their reasons. They are looked up again after the decision, for a call that
 * is shown. Counters cannot tell as in watch_packet.bpf.h, because other tasks may preempt a hook.
 */
#ifndef TPROXY_OWN_WATCH_BPF_H
#define TPROXY_OWN_WATCH_BPF_H

#include "addr.bpf.h"
#include "flow.bpf.h"
#include "own_call.bpf.h"
#include "own_hook.bpf.h"
#include "own_lo.bpf.h"
#include "own_maps.bpf.h"
#include "own_match.bpf.h"
#include "own_token.bpf.h"
#include "tproxy_trace.h"
#include "tproxy_watch.h"
#include "watch.bpf.h"
#include "watch_describe.bpf.h"
#include "watch_filter.bpf.h"
#include "watch_packet.bpf.h"

/* What watch_call is told, OR. */
enum call_fact {
	CALL_SENDS = 1 << 0,   /* a datagram; else connect */
	CALL_PROXIED = 1 << 1, /* a proxy gets it */
	CALL_REFUSED = 1 << 2, /* it fails */
};

/* Of one call: why it is decided so, and who wants to know. */
struct call_reason {
	__u64 counters; /* as in struct trace_event */
	__u32 generation;
	__u32 slots; /* sessions, as bits */
	__u8 rule;
	__u8 why; /* enum trace_call_why */
	__u8 zero[6];
};

#define COUNTER_BIT(counter) (1ULL << TPROXY_COUNT_##counter)

/* ---- reasons ------------------------------------------------------------ */

static __always_inline __u64 down_reason(const struct tproxy_rule *rule)
{
	if (rule->on_down == TPROXY_ON_DOWN_PASS)
		return COUNTER_BIT(DOWN_PASS);
	return rule->on_down == TPROXY_ON_DOWN_RESET ? COUNTER_BIT(DOWN_RESET) :
						       COUNTER_BIT(DOWN_DROP);
}

/* With a listener, a datagram found no token, and a socket could not be noted. */
static __always_inline __u64 unproxied_reason(struct bpf_sock_addr *ctx, const struct flow *f,
					      const struct match *m, __u32 facts)
{
	if (names_device(ctx))
		return COUNTER_BIT(OWN_DEVICE);
	if (!has_listener(ctx, f, m->number))
		return down_reason(m->rule);
	return facts & CALL_SENDS ? COUNTER_BIT(OWN_FULL) | down_reason(m->rule) : 0;
}

static __always_inline __u64 rule_reason(struct bpf_sock_addr *ctx, const struct flow *f,
					 const struct match *m, __u32 facts)
{
	switch (m->rule->action) {
	case TPROXY_ACTION_PROXY:
		return unproxied_reason(ctx, f, m, facts);
	case TPROXY_ACTION_DROP:
		return COUNTER_BIT(RULE_DROP);
	case TPROXY_ACTION_RESET:
		return COUNTER_BIT(RULE_RESET);
	case TPROXY_ACTION_AUDIT:
		return COUNTER_BIT(RULE_AUDIT);
	default:
		return COUNTER_BIT(RULE_PASS);
	}
}

static __always_inline enum trace_call_why why_excluded(struct bpf_sock_addr *ctx,
							const struct tproxy_own *own)
{
	if (own->relay_mark && (ctx->sk->mark & ~own->mark) == own->relay_mark)
		return TRACE_WHY_MARK;
	if (is_excluded_cgroup())
		return TRACE_WHY_CGROUP;
	return is_noted_task() ? TRACE_WHY_PROCESS : TRACE_WHY_COUNTED;
}

/* The rule that the flow would have, whoever is excluded. */
static __always_inline struct match rule_of_call(const struct tproxy_config *cfg,
						 const struct flow *f)
{
	__u32 slot = live_slot(cfg);
	tproxy_mask mask = match_own_flow(slot, f);

	return first_rule(slot, mask ? match_current(slot, mask) : 0);
}

/* Follows decide_own, without its counters. A global function: its stack is not in use otherwise. */
__noinline int explain_call(struct bpf_sock_addr *ctx, const struct flow *f, __u32 facts,
			    struct call_reason *ret_reason)
{
	const struct tproxy_config *cfg = get_config();
	const struct tproxy_own *own = get_own();
	struct match m;

	if (!cfg || !own || !f || !ret_reason)
		return 0;
	ret_reason->generation = cfg->generation;
	if (dst_is_token(own, f))
		return ret_reason->why = TRACE_WHY_TOKEN;
	if (dst_is_left_alone(cfg, f))
		return ret_reason->why = TRACE_WHY_STAYS;
	m = rule_of_call(cfg, f);
	if (!m.rule)
		return 0;
	ret_reason->rule = (__u8)m.number;
	if (facts & CALL_PROXIED)
		ret_reason->counters =
			facts & CALL_SENDS ? COUNTER_BIT(OWN_DATAGRAM) : COUNTER_BIT(OWN_FLOW);
	else
		ret_reason->why = why_excluded(ctx, own);
	if (ret_reason->counters || ret_reason->why != TRACE_WHY_COUNTED)
		return 0;
	ret_reason->counters = f->proto == IPPROTO_UDP && is_answer(f) ?
				       COUNTER_BIT(OWN_ANSWER) :
				       rule_reason(ctx, f, &m, facts);
	return 0;
}

/* ---- calls -------------------------------------------------------------- */

static __always_inline void describe_call(struct trace_call *c, const struct flow *f, __u32 facts)
{
	__u64 ids = bpf_get_current_uid_gid();

	c->event.time = bpf_ktime_get_ns();
	c->event.kind = TRACE_CALL;
	addr_copy(f, c->event.flow.src, c->event.flow.dst);
	c->event.flow.sport = f->family == AF_INET ? f->tuple.ipv4.sport : f->tuple.ipv6.sport;
	c->event.flow.dport = f->family == AF_INET ? f->tuple.ipv4.dport : f->tuple.ipv6.dport;
	c->event.flow.family = (__u8)f->family;
	c->event.flow.proto = f->proto;
	c->result = facts & CALL_REFUSED ? bpf_get_retval() : (facts & CALL_PROXIED) != 0;
	c->pid = bpf_get_current_pid_tgid() >> 32;
	c->uid = (__u32)ids;
	c->gid = ids >> 32;
	c->sends = facts & CALL_SENDS;
	bpf_get_current_comm(c->comm, sizeof(c->comm));
}

/* Calls to this host itself are many: they are shown to those that name the flow. */
static __always_inline bool wants_call(struct tproxy_watcher *w, const struct call_reason *reason)
{
	return reason->why != TRACE_WHY_STAYS || w->filter.flows;
}

/*
 * Sets the sessions that want it. In memory, as watch_select does. This and the next one are global
 * functions for the stack's sake, too.
 */
__noinline int select_call(struct tproxy_flow_key *key, __u32 family, struct call_reason *reason)
{
	const __u64 now = bpf_ktime_get_ns();

	if (!key || !reason)
		return 0;
	for (__u32 i = 0; i < TPROXY_WATCHERS; i++) {
		struct tproxy_watcher *w = watcher_of(i, TPROXY_WATCH_OWN, now);

		if (w && wants_call(w, reason) && filter_has_flow(&w->filter, key, family))
			reason->slots |= 1U << i;
	}
	return reason->slots != 0;
}

__noinline int publish_call(const struct flow *f, const struct call_reason *reason, __u32 facts)
{
	struct trace_call c = {};

	if (!f || !reason)
		return 0;
	describe_call(&c, f, facts);
	c.event.counters = reason->counters;
	c.event.generation = reason->generation;
	c.event.rule = reason->rule;
	c.why = reason->why;
	for (__u32 i = 0; i < TPROXY_WATCHERS; i++)
		if (reason->slots & (1U << i))
			watch_put(i, TPROXY_WATCH_OWN, c.event.time, &c, sizeof(c));
	return 0;
}

/* facts: enum call_fact. */
__noinline int watch_call(struct bpf_sock_addr *ctx, const struct flow *f, __u32 facts)
{
	struct call_reason reason = { .rule = TRACE_NO_RULE };
	struct tproxy_flow_key key;

	if (!f || !f->proto || !watch_is_wanted(TPROXY_WATCH_OWN))
		return 0;
	set_flow_key(f, &key);
	explain_call(ctx, f, facts, &reason);
	return select_call(&key, f->family, &reason) ? publish_call(f, &reason, facts) : 0;
}

/* The result of the hook goes through here. */
static __always_inline int watched_connect(struct bpf_sock_addr *ctx, const struct tproxy_own *own,
					   const struct flow *f, int result)
{
	if (!is_watched(TPROXY_WATCH_OWN))
		return result;
	if (result == HOOK_REFUSE)
		watch_call(ctx, f, CALL_REFUSED);
	else
		watch_call(ctx, f, ctx->sk->mark & own->mark ? CALL_PROXIED : 0);
	return result;
}

static __always_inline void watched_send(struct bpf_sock_addr *ctx, const struct flow *f,
					 __u32 token, int result)
{
	if (!is_watched(TPROXY_WATCH_OWN))
		return;
	if (result == HOOK_REFUSE)
		watch_call(ctx, f, CALL_SENDS | CALL_REFUSED);
	else
		watch_call(ctx, f, CALL_SENDS | (token == NO_TOKEN ? 0 : CALL_PROXIED));
}

/* ---- packets on lo ------------------------------------------------------ */

/* False: it has neither our bit nor a token. */
static __always_inline bool read_own_packet(struct __sk_buff *skb, struct watch_pending *p)
{
	const struct tproxy_own *own = get_own();
	const struct tproxy_token *t;
	bool token;

	if (!own)
		return false;
	token = to_token(skb, own);
	if ((!token && !(skb->mark & own->mark)) || !watch_read(skb, p))
		return false;
	t = token ? token_at(token_index(&p->headers.flow)) : NULL;
	if (t)
		__builtin_memcpy(p->headers.key.dst, t->dst, sizeof(t->dst));
	return true;
}

/* As watch_begin. Both are global functions, because own_lo uses all of its stack. */
__noinline int watch_own_begin(struct __sk_buff *skb)
{
	struct watch_pending *p = pending_of(WATCH_INGRESS);

	if (!p)
		return 0;
	p->slots = p->dropped = 0;
	if (!watch_is_wanted(TPROXY_WATCH_OWN) || !read_own_packet(skb, p) ||
	    !watch_select(p, TPROXY_WATCH_OWN, 0))
		return 0;
	watch_note(skb, p, TRACE_OWN);
	return 0;
}

__noinline int watch_own_end(struct __sk_buff *skb, int result)
{
	struct watch_pending *p = pending_of(WATCH_INGRESS);

	if (p && p->slots)
		watch_finish(skb, p, TPROXY_WATCH_OWN, result);
	return 0;
}

#endif
