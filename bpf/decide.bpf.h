/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet to verdict. Parses the packet; unreadable packets, ICMP errors and later fragments are then
 * decided in a file each. For all others the headers and the sockets come first (intent.bpf.h), then
 * the rule, then its action. Sets no mark and knows no TC code.
 */
#ifndef TPROXY_DECIDE_BPF_H
#define TPROXY_DECIDE_BPF_H

#include "action.bpf.h"
#include "addr.bpf.h"
#include "audit.bpf.h"
#include "flow.bpf.h"
#include "frag.bpf.h"
#include "icmp.bpf.h"
#include "intent.bpf.h"
#include "match.bpf.h"
#include "parse.bpf.h"
#include "proxied.bpf.h"
#include "route.bpf.h"
#include "steer.bpf.h"
#include "tproxy.h"
#include "unreadable.bpf.h"
#include "verdict.bpf.h"

static __always_inline enum verdict decide_flow(struct __sk_buff *skb,
						const struct tproxy_config *cfg, struct flow *f)
{
	struct intent i = f->proto == IPPROTO_TCP ? tcp_intent(skb, f) : udp_intent(skb, f);
	enum verdict verdict = VERDICT_NEXT;
	struct match m;

	if (i.what == INTENT_LEAVE)
		return VERDICT_NEXT;
	if (i.what == INTENT_KEEP)
		return keep(i.why);
	m = match(skb, cfg, f);
	if (m.rule)
		verdict = act(skb, &m, f, &i);
	else if (i.keep_without_rule)
		return keep(TPROXY_COUNT_FOREIGN_LISTENER);
	if (verdict != VERDICT_NEXT || f->proto != IPPROTO_TCP)
		return verdict;
	if (is_flow_start(i.how))
		proxied_forget(f);
	else if (proxied_is(f))
		return keep(TPROXY_COUNT_LATE);
	return VERDICT_NEXT;
}

static __always_inline enum verdict decide(struct __sk_buff *skb, const struct tproxy_config *cfg,
					   struct flow *f)
{
	enum parse_result result = parse(skb, f);
	enum verdict verdict;

	if (result == PARSE_OTHER)
		return VERDICT_NEXT;
	if (result == PARSE_ICMP)
		return dst_stays_local(f) || dst_is_ours(skb, f) ? VERDICT_NEXT :
								   decide_icmp(skb, f);
	if (result != PARSE_FLOW)
		return decide_unreadable(skb, cfg, f, result);
	if (dst_stays_local(f))
		return VERDICT_NEXT;
	if (f->frag == FRAG_LATER)
		return decide_later_fragment(f);
	if (f->frag == FRAG_FIRST)
		frag_forget(f);
	verdict = decide_flow(skb, cfg, f);
	/* A flow start of an audit rule is counted by its action. */
	if (verdict == VERDICT_NEXT && cfg->audit && f->proto == IPPROTO_TCP)
		audit_packet(skb, f, AUDIT_UP);
	if (verdict == VERDICT_KEEP && f->frag == FRAG_FIRST)
		frag_note_kept(f);
	return verdict;
}

#endif
