/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Shows watch sessions what the programs decide: begin before a decision and end after it. The reason
 * of a verdict is what the data path counts: the counters of this CPU that moved in between. Looks
 * only; changes no packet.
 */
#ifndef TPROXY_WATCH_PACKET_BPF_H
#define TPROXY_WATCH_PACKET_BPF_H

#include "lookup.bpf.h"
#include "maps.bpf.h"
#include "slots.bpf.h"
#include "tproxy_watch.h"
#include "watch.bpf.h"
#include "watch_describe.bpf.h"
#include "watch_filter.bpf.h"

#define TC_ACT_SHOT 2

/* By struct tproxy_frag_key: the sessions, as bits, that wanted the first fragment. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct tproxy_frag_key);
	__type(value, __u32);
} watch_frags SEC(".maps");

/* ---- what moved --------------------------------------------------------- */

static __always_inline __u64 counter_now(__u32 which)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &which);

	return value ? *value : 0;
}

static __always_inline __u64 packets_now(__u32 rule)
{
	struct tproxy_rulestat *stat = bpf_map_lookup_elem(&rulestats, &rule);

	return stat ? stat->packets : 0;
}

/* Global functions: the verifier walks their loops once. */
__noinline int note_figures(struct watch_pending *p)
{
	if (!p)
		return 0;
	for (__u32 i = 0; i < TPROXY_COUNT_MAX; i++)
		p->counters[i] = counter_now(i);
	for (__u32 i = 0; i < TPROXY_MAX_RULES; i++)
		p->packets[i] = packets_now(i);
	return 0;
}

__noinline int compare_figures(struct watch_pending *p)
{
	if (!p)
		return 0;
	for (__u32 i = 0; i < TPROXY_COUNT_MAX; i++)
		if (counter_now(i) != p->counters[i])
			p->event.counters |= 1ULL << i;
	for (__u32 i = 0; i < TPROXY_MAX_RULES; i++)
		if (packets_now(i) != p->packets[i])
			p->event.rule = i;
	return 0;
}

/* ---- who wants it ------------------------------------------------------- */

/* The ingress interface is not always known to a look-up: then it is 0. */
static __always_inline bool wants_iface(const struct tproxy_watcher *w, __u32 ifindex)
{
	return !w->only || !ifindex || w->only == ifindex;
}

/* Only the first fragment shows the ports. */
static __always_inline void follow_fragments(struct watch_pending *p)
{
	struct tproxy_frag_key key = fragment_key(&p->headers.flow);
	__u32 slots = p->slots, *first;

	if (p->headers.flow.frag == FRAG_FIRST && slots) {
		bpf_map_update_elem(&watch_frags, &key, &slots, BPF_ANY);
	} else if (p->headers.flow.frag == FRAG_LATER) {
		first = bpf_map_lookup_elem(&watch_frags, &key);
		if (first)
			p->slots |= *first;
	}
}

/*
 * Sets p->slots to the sessions that want this kind. The bits are collected in memory: the verifier must
 * not walk each set of them.
 */
__noinline int watch_select(struct watch_pending *p, __u32 kind, __u32 ifindex)
{
	const __u64 now = bpf_ktime_get_ns();

	if (!p)
		return 0;
	p->slots = 0;
	for (__u32 i = 0; i < TPROXY_WATCHERS; i++) {
		struct tproxy_watcher *w = watcher_of(i, kind, now);

		if (w && wants_iface(w, ifindex) && filter_has(&w->filter, &p->headers))
			p->slots |= 1U << i;
	}
	if (p->headers.flow.frag != FRAG_NONE)
		follow_fragments(p);
	return p->slots != 0;
}

/* The end of a decision. */
__noinline int watch_emit(struct watch_pending *p, __u32 kind)
{
	const __u64 now = bpf_ktime_get_ns();

	if (!p)
		return 0;
	for (__u32 i = 0; i < TPROXY_WATCHERS; i++)
		if (p->slots & (1U << i))
			watch_put(i, kind, now, &p->event, sizeof(p->event));
	p->slots = 0;
	return 0;
}

static __always_inline struct watch_pending *pending_of(__u32 which)
{
	return bpf_map_lookup_elem(&watch_pending, &which);
}

/* An empty one; its figures are written when they are needed. */
static __always_inline void pending_clear(struct watch_pending *p)
{
	p->slots = 0;
	p->dropped = 0;
	__builtin_memset(&p->headers, 0, sizeof(p->headers));
	__builtin_memset(&p->event, 0, sizeof(p->event));
}

/* ---- packets ------------------------------------------------------------ */

/* Before the decision about a packet that sessions want. */
static __always_inline void watch_note(struct __sk_buff *skb, struct watch_pending *p,
				       enum trace_kind kind)
{
	describe(&p->headers, skb->len, &p->event);
	p->event.kind = kind;
	p->event.ifindex = skb->ifindex;
	p->event.mark_in = skb->mark;
	p->cookie = bpf_get_socket_cookie(skb);
	note_figures(p);
}

/* And after it. kind: enum tproxy_watch_kind. */
static __always_inline void watch_finish(struct __sk_buff *skb, struct watch_pending *p, __u32 kind,
					 int result)
{
	__u64 cookie = bpf_get_socket_cookie(skb);

	p->dropped = result == TC_ACT_SHOT;
	p->event.result = result;
	p->event.mark_out = skb->mark;
	if (cookie != p->cookie)
		p->event.cookie = cookie;
	compare_figures(p);
	if (p->event.rule == TRACE_NO_RULE)
		p->event.rule = rule_of_flow(&p->headers.flow);
	watch_emit(p, kind);
}

/* ---- tproxy_ingress ----------------------------------------------------- */

/* Like others a function of its own, because the stack of all programs has little room. */
__noinline int watch_read(struct __sk_buff *skb, struct watch_pending *p)
{
	if (!p)
		return 0;
	pending_clear(p);
	return headers_read(skb, &p->headers);
}

__noinline int watch_begin(struct __sk_buff *skb)
{
	struct watch_pending *p = pending_of(WATCH_INGRESS);

	if (!p)
		return 0;
	p->slots = p->dropped = 0;
	if (!watch_is_wanted(TPROXY_WATCH_PACKETS) || !watch_read(skb, p) ||
	    !watch_select(p, TPROXY_WATCH_PACKETS, skb->ifindex))
		return 0;
	watch_note(skb, p, TRACE_PACKET);
	return 0;
}

__noinline int watch_end(struct __sk_buff *skb, int result)
{
	struct watch_pending *p = pending_of(WATCH_INGRESS);

	if (p && p->slots)
		watch_finish(skb, p, TPROXY_WATCH_PACKETS, result);
	return 0;
}

/* ---- tproxy_lookup ------------------------------------------------------ */

/* Only what the filter and the event need. */
static __always_inline void read_lookup(const struct bpf_sk_lookup *ctx, struct headers *h)
{
	h->flow.family = (__u16)ctx->family;
	h->flow.proto = h->key.proto = (__u8)ctx->protocol;
	h->key.sport = ctx->remote_port;
	h->key.dport = bpf_htons(ctx->local_port);
	lookup_addrs(ctx, &h->key);
}

__noinline int watch_lookup_begin(struct bpf_sk_lookup *ctx)
{
	struct watch_pending *p = pending_of(WATCH_LOOKUP);

	if (!p)
		return 0;
	pending_clear(p);
	if (!watch_is_wanted(TPROXY_WATCH_PACKETS))
		return 0;
	read_lookup(ctx, &p->headers);
	if (!watch_select(p, TPROXY_WATCH_PACKETS, ctx->ingress_ifindex))
		return 0;
	describe(&p->headers, 0, &p->event);
	p->event.kind = TRACE_LOOKUP;
	p->event.ifindex = ctx->ingress_ifindex;
	note_figures(p);
	return 0;
}

/* tproxy_lookup runs for every listener of this host: only what it decided is an event. */
__noinline int watch_lookup_end(int result)
{
	struct watch_pending *p = pending_of(WATCH_LOOKUP);
	struct tproxy_ticket *ticket;

	if (!p || !p->slots)
		return 0;
	compare_figures(p);
	if (result == SK_PASS && !p->event.counters) {
		p->slots = 0;
		return 0;
	}
	ticket = bpf_map_lookup_elem(&tickets, &p->headers.key);
	p->event.rule = ticket ? (__u8)ticket->rule : TRACE_NO_RULE;
	p->event.slot =
		ticket ? ticket->slot : flow_slot(0, &p->headers.key, p->headers.flow.family);
	p->event.result = result;
	watch_emit(p, TPROXY_WATCH_PACKETS);
	return 0;
}

#endif
