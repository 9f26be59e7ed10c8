/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Carries out the rule that matched: pass, audit, drop, refuse, or give the flow to a proxy. */
#ifndef TPROXY_ACTION_BPF_H
#define TPROXY_ACTION_BPF_H

#include "audit.bpf.h"
#include "count.bpf.h"
#include "flow.bpf.h"
#include "frag.bpf.h"
#include "intent.bpf.h"
#include "match.bpf.h"
#include "older.bpf.h"
#include "owner.bpf.h"
#include "route.bpf.h"
#include "steer.bpf.h"
#include "syn.bpf.h"
#include "tproxy.h"
#include "verdict.bpf.h"

/* A flow start for a proxy. At TTL 1 the kernel does not forward, and sends the ICMP error. */
static __always_inline enum verdict act_proxy(struct __sk_buff *skb, const struct match *m,
					      struct flow *f, const struct intent *i)
{
	if (m->rule->unrouted == TPROXY_UNROUTED_PASS && dst_is_unrouted(skb, f))
		return leave(TPROXY_COUNT_UNROUTED);
	if (f->ttl <= 1)
		return leave(TPROXY_COUNT_TTL);
	if (sent_by_local_socket(skb, f))
		count(TPROXY_COUNT_LOOP);
	if (f->frag == FRAG_FIRST && m->rule->on_down != TPROXY_ON_DOWN_PASS)
		frag_note_dropped(f);
	if (syn_is_signed(skb, f)) {
		count(TPROXY_COUNT_UNANSWERABLE);
		return on_down(skb, m->rule, f);
	}
	return steer(skb, m, f, i->how, i->why);
}

static __always_inline enum verdict act_drop(const struct flow *f)
{
	if (f->frag == FRAG_FIRST)
		frag_note_dropped(f);
	return drop(TPROXY_COUNT_RULE_DROP);
}

/* Forwarded like any other flow; the table only watches. */
static __always_inline enum verdict act_audit(struct __sk_buff *skb, const struct match *m,
					      const struct flow *f)
{
	if (f->ttl <= 1)
		return leave(TPROXY_COUNT_TTL);
	audit_start(skb, f, m->number);
	return leave(TPROXY_COUNT_RULE_AUDIT);
}

/* What cannot be refused, such as a fragment, is dropped. */
static __always_inline enum verdict act_reset(struct __sk_buff *skb, const struct flow *f)
{
	if (!make_refusal(skb, f))
		return act_drop(f);
	count(TPROXY_COUNT_RULE_RESET);
	return VERDICT_REPLY;
}

static __always_inline enum verdict act(struct __sk_buff *skb, const struct match *m,
					struct flow *f, const struct intent *i)
{
	__u8 action = m->rule->action;

	if (!is_flow_start(i->how))
		return action == TPROXY_ACTION_PROXY ? steer(skb, m, f, i->how, i->why) :
						       VERDICT_NEXT;
	if (dst_is_ours(skb, f))
		return leave(TPROXY_COUNT_LOCAL_DST);
	if (action == TPROXY_ACTION_PROXY && f->proto == IPPROTO_UDP && older_renew(f))
		return leave(TPROXY_COUNT_OLDER);
	count_rule(m->number, f->bytes, f->proto == IPPROTO_TCP);
	if (action == TPROXY_ACTION_PASS)
		return leave(TPROXY_COUNT_RULE_PASS);
	if (action == TPROXY_ACTION_AUDIT)
		return act_audit(skb, m, f);
	if (action == TPROXY_ACTION_PROXY)
		return act_proxy(skb, m, f, i);
	return action == TPROXY_ACTION_RESET ? act_reset(skb, f) : act_drop(f);
}

#endif
