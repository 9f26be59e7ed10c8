// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Entry points, and nothing else: each asks a header for the decision and turns it into a TC or
 * SK code. tproxy_ingress sees each packet that enters an attached interface; decide.bpf.h says
 * what happens to it. tproxy_lookup gives a flow to its listener where tc could not. tproxy_egress
 * sees the answers to audited flows. tproxy_report, tproxy_audit and tproxy_watch are for user space.
 */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "audit.bpf.h"
#include "count.bpf.h"
#include "decide.bpf.h"
#include "event.bpf.h"
#include "flow.bpf.h"
#include "lookup.bpf.h"
#include "maps.bpf.h"
#include "parse.bpf.h"
#include "pool.bpf.h"
#include "probed.bpf.h"
#include "proto.bpf.h"
#include "route.bpf.h"
#include "slots.bpf.h"
#include "socket.bpf.h"
#include "tproxy.h"
#include "verdict.bpf.h"
#include "watch.bpf.h"
#include "watch_packet.bpf.h"

#define PACKET_HOST 0
/* TCX_NEXT has the same value: the next program runs. */
#define TC_ACT_UNSPEC (-1)

/* Only tc sees whether a datagram may be fragmented; a second bit passes that on to the socket. */
static __always_inline __u32 kept_mark(const struct tproxy_config *cfg, const struct flow *f)
{
	return f->df && f->proto == IPPROTO_UDP ? cfg->mark | cfg->df_mark : cfg->mark;
}

static __always_inline int ingress(struct __sk_buff *skb, const struct tproxy_config *cfg)
{
	struct flow f = {};

	if (!cfg || !cfg->mask) {
		count(TPROXY_COUNT_NO_POLICY);
		return TC_ACT_UNSPEC;
	}
	if (skb->pkt_type != PACKET_HOST)
		return TC_ACT_UNSPEC;
	/* A tagged frame belongs to the VLAN device; VID 0 is only a priority tag. */
	if (skb->vlan_present && (skb->vlan_tci & VLAN_VID_MASK))
		return TC_ACT_UNSPEC;
	if (skb->mark & cfg->mask) {
		if (take_probe(skb)) {
			skb->mark = cfg->mark;
			return TC_ACT_UNSPEC;
		}
		count(TPROXY_COUNT_FORGED_MARK);
		skb->mark &= ~cfg->mask;
	}
	switch (decide(skb, cfg, &f)) {
	case VERDICT_KEEP:
		skb->mark = (skb->mark & ~cfg->df_mark) | kept_mark(cfg, &f);
		return TC_ACT_UNSPEC;
	case VERDICT_DROP:
		return TC_ACT_SHOT;
	case VERDICT_REPLY:
		return bpf_redirect(skb->ingress_ifindex, 0);
	default:
		return TC_ACT_UNSPEC;
	}
}

SEC("tc")
int tproxy_ingress(struct __sk_buff *skb)
{
	const bool watched = is_watched(TPROXY_WATCH_PACKETS);
	int result;

	if (watched)
		watch_begin(skb);
	result = ingress(skb, get_config());
	if (watched)
		watch_end(skb, result);
	return result;
}

/*
 * Attached only while an audit rule concerns the interface. A packet that entered by no interface is
 * this host's own, and no answer of a server.
 */
SEC("tc")
int tproxy_egress(struct __sk_buff *skb)
{
	const struct tproxy_config *cfg = get_config();
	struct flow f = {};

	if (!cfg || !cfg->audit || !skb->ingress_ifindex)
		return TC_ACT_UNSPEC;
	if (skb->vlan_present && (skb->vlan_tci & VLAN_VID_MASK))
		return TC_ACT_UNSPEC;
	if (parse(skb, &f) == PARSE_FLOW && f.frag != FRAG_LATER && !route_is_forged(skb, &f))
		audit_packet(skb, &f, AUDIT_DOWN);
	return TC_ACT_UNSPEC;
}

/*
 * Runs for listener look-ups of the whole network namespace. A ticket names one flow that
 * tproxy_ingress decided on, and a pool one service of this host, so no list of interfaces or
 * addresses is needed. If the listener is gone, the flow is refused: the kernel's own look-up
 * could find an unrelated wildcard listener of this host.
 */
static __always_inline int look_up(struct bpf_sk_lookup *ctx)
{
	struct tproxy_flow_key key = { .proto = ctx->protocol };
	struct tproxy_ticket *ticket;

	key.sport = ctx->remote_port;
	key.dport = bpf_htons(ctx->local_port);
	if (is_asking(asked_ports(key.sport, key.dport)))
		return SK_PASS;
	lookup_addrs(ctx, &key);
	ticket = bpf_map_lookup_elem(&tickets, &key);
	if (ticket) {
		if (!lookup_assign(ctx, ticket->slot))
			return SK_DROP;
		count(TPROXY_COUNT_LOOKUP);
		return SK_PASS;
	}
	if (!is_pool(&key))
		return SK_PASS;
	if (!lookup_assign(ctx, flow_slot(0, &key, ctx->family))) {
		count(TPROXY_COUNT_POOL_DOWN);
		return SK_DROP;
	}
	count(TPROXY_COUNT_POOL);
	return SK_PASS;
}

SEC("sk_lookup")
int tproxy_lookup(struct bpf_sk_lookup *ctx)
{
	const bool watched = is_watched(TPROXY_WATCH_PACKETS);
	int result;

	if (watched)
		watch_lookup_begin(ctx);
	result = look_up(ctx);
	if (watched)
		watch_lookup_end(result);
	return result;
}

/* The loader runs it with an event, so that monitors see the loader's events like all others. */
SEC("syscall")
int tproxy_report(struct tproxy_event *ctx)
{
	struct tproxy_event event = *ctx;

	event_publish(&event);
	return 0;
}

/* The reader of `audited` cannot change a part of an entry while packets change another. */
SEC("syscall")
int tproxy_audit(struct tproxy_audit_request *ctx)
{
	struct tproxy_audit_request request = *ctx;

	audit_serve(&request);
	return 0;
}

/* For watch sessions. 0, or an enum tproxy_watch_refusal. */
SEC("syscall")
int tproxy_watch(struct tproxy_watch_request *ctx)
{
	struct tproxy_watch_request request = *ctx;

	return watch_serve(&request);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
