// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The program of `tproxy-loader trace` that runs where the kernel drops a packet. It only looks, and
 * writes to the ring buffer of its watch session. An object of its own: loaded for the time of one
 * trace and never pinned. Verdicts are shown by the data path itself (watch_packet.bpf.h).
 */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* before the headers that read packets */
#include "packet.bpf.h"

#include "flow.bpf.h"
#include "maps.bpf.h"
#include "parse.bpf.h"
#include "tproxy.h"
#include "tproxy_trace.h"
#include "watch_describe.bpf.h"
#include "watch_filter.bpf.h"

#define LOOPBACK_IFINDEX 1 /* include/net/flow.h */

struct trace_totals totals SEC(".data.totals");
/* Index of the only interface to trace; 0: all that are attached, -1: it does not exist now. */
__u32 only SEC(".data.only");
/* Writable, because a global function reads it: the verifier demands that of its arguments. */
struct trace_filter filter SEC(".data.filter");

/* That of the watch session. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} trace_events SEC(".maps");

/* First fragments of traced flows. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct tproxy_frag_key);
	__type(value, __u8);
} trace_frags SEC(".maps");

/* A drop that is being looked at. */
struct trace_drop {
	struct packet packet;
	struct headers headers;
	struct trace_event event;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct trace_drop);
} trace_drops SEC(".maps");

static __always_inline struct trace_drop *new_drop(void)
{
	__u32 zero = 0;
	struct trace_drop *drop = bpf_map_lookup_elem(&trace_drops, &zero);

	if (!drop)
		return NULL;
	__builtin_memset(&drop->headers, 0, sizeof(drop->headers));
	__builtin_memset(&drop->event, 0, sizeof(drop->event));
	return drop;
}

static __always_inline void emit(const struct trace_event *e)
{
	__sync_fetch_and_add(&totals.matched, 1);
	if (bpf_ringbuf_output(&trace_events, (void *)e, sizeof(*e), 0))
		__sync_fetch_and_add(&totals.lost, 1);
}

/* ---- which packets ------------------------------------------------------ */

/* Only the first fragment shows the ports. */
static __always_inline bool selects_fragment(struct headers *h)
{
	struct tproxy_frag_key key = fragment_key(&h->flow);
	bool selected = filter_has(&filter, h);
	__u8 one = 1;

	if (selected && h->flow.frag == FRAG_FIRST)
		bpf_map_update_elem(&trace_frags, &key, &one, BPF_ANY);
	return selected || (h->flow.frag == FRAG_LATER && bpf_map_lookup_elem(&trace_frags, &key));
}

static __always_inline bool selects(const struct sk_buff *skb, struct trace_drop *drop)
{
	packet_open(skb, &drop->packet);
	if (!headers_read(&drop->packet, &drop->headers)) {
		if (drop->packet.paged)
			__sync_fetch_and_add(&totals.unreadable, 1);
		return false;
	}
	return drop->headers.flow.frag != FRAG_NONE ? selects_fragment(&drop->headers) :
						      filter_has(&filter, &drop->headers);
}

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

/* The route to this host has the device lo, wherever a packet entered. */
static __always_inline __u32 out_iface(const struct trace_event *e)
{
	return e->out == LOOPBACK_IFINDEX && e->ifindex ? e->ifindex : e->out;
}

/* With addresses or a port, the flow counts wherever it is; else the interfaces do. */
static __always_inline bool is_on_traced_iface(const struct trace_event *e)
{
	if (filter.flows && !only)
		return true;
	return is_traced_iface(e->ifindex) || is_traced_iface(out_iface(e));
}

static __always_inline bool is_our_netns(const struct sk_buff *skb)
{
	const struct tproxy_config *cfg = get_config();
	__u32 netns = packet_netns(skb);

	return cfg && (!netns || netns == (__u32)cfg->netns);
}

static __always_inline bool is_ip(const struct sk_buff *skb)
{
	__be16 type = BPF_CORE_READ(skb, protocol);

	return type == bpf_htons(ETH_P_IP) || type == bpf_htons(ETH_P_IPV6);
}

static __always_inline bool is_same_packet(const struct trace_event *a, const struct trace_event *b)
{
	const __u32 *x = (const __u32 *)&a->flow, *y = (const __u32 *)&b->flow;
	__u32 differ = (a->len ^ b->len) | (a->ifindex ^ b->ifindex);

	for (__u32 i = 0; i < sizeof(a->flow) / sizeof(*x); i++)
		differ |= x[i] ^ y[i];
	return !differ;
}

/*
 * What tproxy_ingress dropped was shown with its verdict. The kernel frees the packet at once, on
 * the same CPU.
 */
static __always_inline bool is_reported(const struct trace_event *e)
{
	__u32 ingress = WATCH_INGRESS;
	struct watch_pending *p = bpf_map_lookup_elem(&watch_pending, &ingress);

	if (!p || !p->dropped || !is_same_packet(&p->event, e))
		return false;
	p->dropped = 0;
	return true;
}

/* ---- drops of the kernel ------------------------------------------------ */

/* The arguments are (skb, location, reason) since 5.17, and one more since 6.11. */
SEC("raw_tp/kfree_skb")
int kernel_drop(__u64 *ctx)
{
	const struct sk_buff *skb = (const struct sk_buff *)ctx[0];
	struct trace_drop *drop = new_drop();
	struct trace_event *e;

	if (!drop || !skb || !is_ip(skb) || !is_our_netns(skb) || !selects(skb, drop))
		return 0;
	e = &drop->event;
	e->ifindex = (__u32)BPF_CORE_READ(skb, skb_iif);
	e->out = device_index(packet_route_device(skb));
	if (!is_on_traced_iface(e))
		return 0;
	describe(&drop->headers, drop->packet.total, e);
	if (is_reported(e))
		return 0;
	e->kind = TRACE_DROP;
	e->location = ctx[1];
	e->reason = (__u32)ctx[2];
	e->mark_in = BPF_CORE_READ(skb, mark);
	e->rule = rule_of_flow(&drop->headers.flow);
	e->cookie = packet_socket(skb);
	emit(e);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
