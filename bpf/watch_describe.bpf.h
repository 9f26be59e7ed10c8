/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Headers of a packet to the event that a trace shows. Reads no packet.
 */
#ifndef TPROXY_WATCH_DESCRIBE_BPF_H
#define TPROXY_WATCH_DESCRIBE_BPF_H

#include "addr.bpf.h"
#include "flow.bpf.h"
#include "maps.bpf.h"
#include "proxied.bpf.h"
#include "tproxy.h"
#include "tproxy_trace.h"
#include "watch_filter.bpf.h"

/* A decision under way, on one CPU. The map watch_pending holds one for each kind of program. */
struct watch_pending {
	__u32 slots;   /* sessions that want it, as bits; 0: it is not watched */
	__u32 dropped; /* 1: tproxy_ingress dropped it; the kernel's drop is the same event */
	__u64 cookie;  /* of its socket before; a veth passes on the one of the sender */
	struct headers headers;
	struct trace_event event;
	__u64 counters[TPROXY_COUNT_MAX];
	__u64 packets[TPROXY_MAX_RULES]; /* of rulestats */
};

enum { WATCH_INGRESS, WATCH_LOOKUP, WATCH_PENDING_MAX };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WATCH_PENDING_MAX);
	__type(key, __u32);
	__type(value, struct watch_pending);
} watch_pending SEC(".maps");

static __always_inline void describe_flow(const struct tproxy_flow_key *key, const struct flow *f,
					  struct trace_flow *ret_flow)
{
	__builtin_memcpy(ret_flow->src, key->src, sizeof(key->src));
	__builtin_memcpy(ret_flow->dst, key->dst, sizeof(key->dst));
	ret_flow->sport = key->sport;
	ret_flow->dport = key->dport;
	ret_flow->family = f->family;
	ret_flow->proto = f->proto;
}

/* total: bytes, for packets whose header declares none. e: zeroed by the caller. */
static __always_inline void describe(const struct headers *h, __u32 total, struct trace_event *e)
{
	const struct tproxy_config *cfg = get_config();

	e->time = bpf_ktime_get_ns();
	e->generation = cfg ? cfg->generation : 0;
	e->rule = TRACE_NO_RULE;
	e->len = h->flow.bytes ? h->flow.bytes : total;
	e->tcp_flags = h->flow.tcp_flags;
	e->frag = h->flow.frag;
	e->icmp_type = h->icmp[0];
	e->icmp_code = h->icmp[1];
	describe_flow(&h->key, &h->flow, &e->flow);
	if (h->quoted.family)
		describe_flow(&h->quoted_key, &h->quoted, &e->quoted);
}

/* The rule of a flow that was given to a proxy before. */
static __always_inline __u8 rule_of_flow(const struct flow *f)
{
	int rule = f->proto == IPPROTO_TCP ? proxied_rule(f) : -1;

	return rule < 0 ? TRACE_NO_RULE : (__u8)rule;
}

#endif
