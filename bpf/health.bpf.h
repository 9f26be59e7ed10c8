/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For each rule: how many flow starts went to a listener lately, and how many of them became
 * connections. Whatever is wrong between here and the socket (an ip rule, a mark, a firewall, the
 * return route) shows in these two numbers. They cover a minute at most, for each CPU; user
 * space adds up the CPUs. Counts only; decides nothing.
 */
#ifndef TPROXY_HEALTH_BPF_H
#define TPROXY_HEALTH_BPF_H

#include "addr.bpf.h"
#include "flow.bpf.h"
#include "maps.bpf.h"
#include "proxied.bpf.h"
#include "tproxy.h"

static __always_inline struct tproxy_health *health_of(__u32 rule, bool udp, __u64 now)
{
	__u32 key = 2 * rule + udp;
	struct tproxy_health *h = bpf_map_lookup_elem(&health, &key);
	__u32 epoch = now >> TPROXY_HEALTH_SHIFT;

	if (!h || h->epoch == epoch)
		return h;
	h->started[1] = h->epoch + 1 == epoch ? h->started[0] : 0;
	h->delivered[1] = h->epoch + 1 == epoch ? h->delivered[0] : 0;
	h->started[0] = 0;
	h->delivered[0] = 0;
	h->epoch = epoch;
	return h;
}

/* A listener gets this SYN or datagram. A global function: the verifier walks it once. */
__noinline int health_note_start(struct __sk_buff *skb, const struct flow *f, __u32 rule)
{
	__u64 now = bpf_ktime_get_ns();
	struct tproxy_health *h;

	if (!f)
		return 0;
	h = health_of(rule, f->proto == IPPROTO_UDP, now);
	if (!h)
		return 0;
	h->started[0]++;
	h->last_ns = now;
	if (!h->since)
		h->since_ns = now;
	h->since++;
	h->last = flow_key(f);
	h->ifindex = skb->ingress_ifindex;
	return 1;
}

static __always_inline void health_note_delivered(__u32 rule)
{
	__u64 now = bpf_ktime_get_ns();
	struct tproxy_health *h = health_of(rule, false, now);

	if (!h)
		return;
	h->delivered[0]++;
	h->delivered_ns = now;
	h->since = 0;
}

/*
 * The client answers the SYN-ACK of a listener: so both its SYN and the SYN-ACK have arrived.
 * A global function: the verifier walks it once.
 */
__noinline int health_note_handshake(const struct flow *f)
{
	int rule = proxied_rule(f);

	if (rule >= 0)
		health_note_delivered((__u32)rule);
	return 0;
}

#endif
