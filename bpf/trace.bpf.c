// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The programs of `tproxy-loader trace`: they run before and after the programs of the data path, and
 * where the kernel drops a packet. They only look. An object of its own: loaded for the time of one
 * trace and never pinned; without it the data path does not run one instruction more.
 *
 * The reason of a verdict is what the data path counts: the counters of this CPU that moved while it
 * decided. Nothing else runs in between that could move them.
 */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* before the headers that read packets */
#include "packet.bpf.h"

#include "addr.bpf.h"
#include "flow.bpf.h"
#include "maps.bpf.h"
#include "parse.bpf.h"
#include "proxied.bpf.h"
#include "tproxy.h"
#include "tproxy_trace.h"
#include "trace_filter.bpf.h"

#define TC_ACT_SHOT 2

struct trace_totals totals SEC(".data.totals");
/* Index of the only interface to trace; 0: all that are attached, -1: it does not exist now. */
__u32 only SEC(".data.only");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} trace_events SEC(".maps");

/* A decision under way. */
struct trace_pending {
	__u64 subject; /* the skb or the context that is decided about; 0: it is not traced */
	__u64 sk;      /* socket of the skb before; a veth passes on the one of the sender */
	__u64 dropped; /* the skb that tproxy_ingress dropped: the kernel's drop is the same event */
	struct headers headers;
	struct trace_event event;
	__u64 counters[TPROXY_COUNT_MAX];
	__u64 packets[TPROXY_MAX_RULES]; /* of rulestats */
};

enum { PENDING_INGRESS, PENDING_LOOKUP, PENDING_DROP, PENDING_MAX };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PENDING_MAX);
	__type(key, __u32);
	__type(value, struct trace_pending);
} trace_pending SEC(".maps");

static __always_inline struct trace_pending *pending(__u32 which)
{
	return bpf_map_lookup_elem(&trace_pending, &which);
}

static __always_inline void emit(const struct trace_event *e)
{
	__sync_fetch_and_add(&totals.matched, 1);
	if (bpf_ringbuf_output(&trace_events, (void *)e, sizeof(*e), 0))
		__sync_fetch_and_add(&totals.lost, 1);
}

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
__noinline int note_figures(struct trace_pending *p)
{
	if (!p)
		return 0;
	for (__u32 i = 0; i < TPROXY_COUNT_MAX; i++)
		p->counters[i] = counter_now(i);
	for (__u32 i = 0; i < TPROXY_MAX_RULES; i++)
		p->packets[i] = packets_now(i);
	return 0;
}

__noinline int compare_figures(struct trace_pending *p)
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

/* ---- the event ---------------------------------------------------------- */

static __always_inline void describe_flow(const struct flow *f, struct trace_flow *ret_flow)
{
	struct tproxy_flow_key key = flow_key(f);

	__builtin_memcpy(ret_flow->src, key.src, sizeof(key.src));
	__builtin_memcpy(ret_flow->dst, key.dst, sizeof(key.dst));
	ret_flow->sport = key.sport;
	ret_flow->dport = key.dport;
	ret_flow->family = f->family;
	ret_flow->proto = f->proto;
}

/* A quoted packet was parsed as an answer to it. */
static __always_inline void describe_quoted(const struct flow *f, struct trace_flow *ret_flow)
{
	struct flow sent = {};

	reverse_flow(f, &sent);
	describe_flow(&sent, ret_flow);
}

static __always_inline void describe(const struct headers *h, struct trace_event *e)
{
	const struct tproxy_config *cfg = get_config();

	e->time = bpf_ktime_get_ns();
	e->generation = cfg ? cfg->generation : 0;
	e->rule = TRACE_NO_RULE;
	e->len = h->flow.bytes ? h->flow.bytes : h->packet.total;
	e->tcp_flags = h->flow.tcp_flags;
	e->frag = h->flow.frag;
	e->icmp_type = h->icmp[0];
	e->icmp_code = h->icmp[1];
	describe_flow(&h->flow, &e->flow);
	if (h->quoted.family)
		describe_quoted(&h->quoted, &e->quoted);
}

/* An empty one; its figures are written when they are needed. */
static __always_inline void begin(struct trace_pending *p)
{
	p->subject = 0;
	__builtin_memset(&p->headers, 0, sizeof(p->headers));
	__builtin_memset(&p->event, 0, sizeof(p->event));
}

/* ---- which interfaces --------------------------------------------------- */

static __always_inline bool is_traced_iface(__u32 ifindex)
{
	const struct tproxy_config *cfg = get_config();
	__u32 slot;

	if (only)
		return ifindex == only;
	if (!cfg || !ifindex)
		return false;
	slot = live_slot(cfg);
	return live_lookup(&ifaces_gen, &slot, &ifindex) != NULL;
}

/* ---- tproxy_ingress ----------------------------------------------------- */

SEC("trace_enter/tproxy_ingress")
int BPF_PROG(ingress_enter, struct sk_buff *skb)
{
	struct trace_pending *p = pending(PENDING_INGRESS);
	__u32 ifindex = skb->dev->ifindex;

	if (!p)
		return 0;
	begin(p);
	if (only && only != ifindex)
		return 0;
	if (!trace_reads(skb, &p->headers)) {
		if (p->headers.packet.paged)
			__sync_fetch_and_add(&totals.unreadable, 1);
		return 0;
	}
	describe(&p->headers, &p->event);
	p->event.kind = TRACE_PACKET;
	p->event.ifindex = ifindex;
	p->event.mark_in = skb->mark;
	p->sk = (__u64)skb->sk;
	note_figures(p);
	p->subject = (__u64)skb;
	return 0;
}

/* The rule of a flow that was given to a proxy before. */
static __always_inline __u8 rule_of_flow(const struct flow *f)
{
	int rule = f->proto == IPPROTO_TCP ? proxied_rule(f) : -1;

	return rule < 0 ? TRACE_NO_RULE : (__u8)rule;
}

SEC("trace_exit/tproxy_ingress")
int BPF_PROG(ingress_exit, struct sk_buff *skb, int result)
{
	struct trace_pending *p = pending(PENDING_INGRESS);

	if (!p || p->subject != (__u64)skb)
		return 0;
	p->subject = 0;
	p->dropped = result == TC_ACT_SHOT ? (__u64)skb : 0;
	p->event.result = result;
	p->event.mark_out = skb->mark;
	if ((__u64)skb->sk != p->sk)
		p->event.cookie = bpf_get_socket_cookie(skb->sk);
	compare_figures(p);
	if (p->event.rule == TRACE_NO_RULE)
		p->event.rule = rule_of_flow(&p->headers.flow);
	emit(&p->event);
	return 0;
}

/* ---- tproxy_lookup ------------------------------------------------------ */

struct bpf_sk_lookup_kern {
	__u16 family;
	__u16 protocol;
	__be16 sport;
	__u16 dport;
	struct {
		__be32 saddr;
		__be32 daddr;
	} v4;
	struct {
		const struct in6_addr *saddr;
		const struct in6_addr *daddr;
	} v6;
	struct sock *selected_sk;
	__u32 ingress_ifindex;
} __attribute__((preserve_access_index));

static __always_inline void read_lookup(const struct bpf_sk_lookup_kern *lookup, struct flow *f)
{
	f->family = lookup->family;
	f->proto = (__u8)lookup->protocol;
	if (f->family == AF_INET) {
		f->tuple.ipv4.saddr = lookup->v4.saddr;
		f->tuple.ipv4.daddr = lookup->v4.daddr;
	} else {
		bpf_probe_read_kernel(f->tuple.ipv6.saddr, 16, lookup->v6.saddr);
		bpf_probe_read_kernel(f->tuple.ipv6.daddr, 16, lookup->v6.daddr);
	}
	set_ports(f, lookup->sport, bpf_htons(lookup->dport));
}

/* The ingress interface is not always known to a look-up. */
SEC("trace_enter/tproxy_lookup")
int BPF_PROG(lookup_enter, struct bpf_sk_lookup_kern *lookup)
{
	struct trace_pending *p = pending(PENDING_LOOKUP);
	__u32 ifindex = lookup->ingress_ifindex;

	if (!p)
		return 0;
	begin(p);
	if (only && ifindex && only != ifindex)
		return 0;
	read_lookup(lookup, &p->headers.flow);
	if (!trace_selects(&p->headers.flow))
		return 0;
	describe(&p->headers, &p->event);
	p->event.kind = TRACE_LOOKUP;
	p->event.ifindex = ifindex;
	note_figures(p);
	p->subject = (__u64)lookup;
	return 0;
}

/* tproxy_lookup runs for every listener of this host: only what it decided is an event. */
SEC("trace_exit/tproxy_lookup")
int BPF_PROG(lookup_exit, struct bpf_sk_lookup_kern *lookup, int result)
{
	struct trace_pending *p = pending(PENDING_LOOKUP);
	struct tproxy_ticket *ticket;
	struct tproxy_flow_key key;

	if (!p || p->subject != (__u64)lookup)
		return 0;
	p->subject = 0;
	compare_figures(p);
	if (result == SK_PASS && !p->event.counters)
		return 0;
	key = flow_key(&p->headers.flow);
	ticket = bpf_map_lookup_elem(&tickets, &key);
	p->event.rule = ticket ? (__u8)ticket->rule : TRACE_NO_RULE;
	p->event.result = result;
	p->event.cookie = bpf_get_socket_cookie(lookup->selected_sk);
	emit(&p->event);
	return 0;
}

/* ---- drops of the kernel ------------------------------------------------ */

static __always_inline bool is_our_netns(const struct sk_buff *skb)
{
	const struct tproxy_config *cfg = get_config();
	__u32 netns = packet_netns(skb);

	return cfg && (!netns || netns == (__u32)cfg->netns);
}

/* With addresses or a port, the flow counts wherever it is; else the interfaces do. */
static __always_inline bool is_on_traced_iface(const struct trace_event *e)
{
	if (filter.flows && !only)
		return true;
	return is_traced_iface(e->ifindex) || is_traced_iface(e->out);
}

/* What tproxy_ingress dropped was reported by ingress_exit. */
static __always_inline bool is_reported(const struct sk_buff *skb)
{
	struct trace_pending *ingress = pending(PENDING_INGRESS);
	bool same = ingress && ingress->dropped == (__u64)skb;

	if (same)
		ingress->dropped = 0;
	return same;
}

static __always_inline bool is_ip(const struct sk_buff *skb)
{
	__be16 type = BPF_CORE_READ(skb, protocol);

	return type == bpf_htons(ETH_P_IP) || type == bpf_htons(ETH_P_IPV6);
}

/* The arguments are (skb, location, reason) since 5.17, and one more since 6.11. */
SEC("raw_tp/kfree_skb")
int kernel_drop(__u64 *ctx)
{
	const struct sk_buff *skb = (const struct sk_buff *)ctx[0];
	struct trace_pending *p = pending(PENDING_DROP);

	if (!p || !skb || !is_ip(skb) || is_reported(skb) || !is_our_netns(skb))
		return 0;
	begin(p);
	if (!trace_reads(skb, &p->headers))
		return 0;
	p->event.ifindex = (__u32)BPF_CORE_READ(skb, skb_iif);
	p->event.out = device_index(packet_route_device(skb));
	if (!is_on_traced_iface(&p->event))
		return 0;
	describe(&p->headers, &p->event);
	p->event.kind = TRACE_DROP;
	p->event.location = ctx[1];
	p->event.reason = (__u32)ctx[2];
	p->event.mark_in = BPF_CORE_READ(skb, mark);
	p->event.rule = rule_of_flow(&p->headers.flow);
	p->event.cookie = packet_socket(skb);
	emit(&p->event);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
