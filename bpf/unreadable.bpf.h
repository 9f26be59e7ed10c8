/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets that may be TCP or UDP and that the parser cannot read to the ports. The receiver would
 * see a flow that no rule was asked about; so a packet that a rule may match is dropped, unless
 * the policy says `unreadable = pass`. RFC 1858 and RFC 7112 let a filter drop packets that hide
 * their ports in fragments or header chains; RFC 8504 5.3 lets a host drop long chains.
 */
#ifndef TPROXY_UNREADABLE_BPF_H
#define TPROXY_UNREADABLE_BPF_H

#include "addr.bpf.h"
#include "count.bpf.h"
#include "flow.bpf.h"
#include "frag.bpf.h"
#include "match.bpf.h"
#include "parse.bpf.h"
#include "route.bpf.h"
#include "tproxy.h"
#include "verdict.bpf.h"

/*
 * May a rule match this packet? With a source route the header does not show the final
 * destination, and after too many tags not even the source is known.
 */
static __always_inline bool may_match(struct __sk_buff *skb, const struct tproxy_config *cfg,
				      const struct flow *f, enum parse_result why)
{
	__u32 slot = live_slot(cfg);

	if (why == PARSE_TAGS)
		return match_iface(skb, &slot);
	if (!f->family)
		return false;
	if (why == PARSE_SOURCE_ROUTE || why == PARSE_ROUTING_HEADER)
		return match_iface(skb, &slot) & match_source(&slot, f);
	return !dst_stays_local(f) && !dst_is_ours(skb, f) && match_addresses(skb, cfg, f);
}

static __always_inline enum tproxy_counter unreadable_counter(enum parse_result why)
{
	switch (why) {
	case PARSE_HIDDEN:
		return TPROXY_COUNT_HIDDEN;
	case PARSE_CHAIN:
		return TPROXY_COUNT_HIDDEN_CHAIN;
	case PARSE_SOURCE_ROUTE:
		return TPROXY_COUNT_SOURCE_ROUTE;
	case PARSE_ROUTING_HEADER:
		return TPROXY_COUNT_ROUTING_HEADER;
	case PARSE_OVERLAP:
		return TPROXY_COUNT_FRAG_OVERLAP;
	case PARSE_TAGS:
		return TPROXY_COUNT_VLAN_TAGS;
	default:
		return TPROXY_COUNT_MALFORMED;
	}
}

static __always_inline enum verdict decide_unreadable(struct __sk_buff *skb,
						      const struct tproxy_config *cfg,
						      const struct flow *f, enum parse_result why)
{
	bool matches = may_match(skb, cfg, f, why);

	if (matches)
		count(unreadable_counter(why));
	if (matches && cfg->unreadable == TPROXY_UNREADABLE_DROP) {
		if (f->frag == FRAG_FIRST)
			frag_note_dropped(f);
		return VERDICT_DROP;
	}
	if (f->frag == FRAG_LATER)
		return decide_later_fragment(f);
	if (f->frag == FRAG_FIRST)
		frag_forget(f);
	return VERDICT_NEXT;
}

#endif
