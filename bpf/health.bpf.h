/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Do flow starts that are handed to a listener come to be connections? Whatever is wrong
 * between here and the socket (a rule, a mark, a firewall, the way back) shows in these two
 * numbers. Kept for a minute only; user space adds up the CPUs.
 */
#ifndef TPROXY_HEALTH_BPF_H
#define TPROXY_HEALTH_BPF_H

#include "proxied.bpf.h"

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

/* A listener is to get this SYN or datagram. */
__noinline int health_start(struct __sk_buff *skb, const struct flow *f, __u32 rule)
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

static __always_inline void health_arrive(__u32 rule)
{
	__u64 now = bpf_ktime_get_ns();
	struct tproxy_health *h = health_of(rule, false, now);

	if (!h)
		return;
	h->delivered[0]++;
	h->delivered_ns = now;
	h->since = 0;
}

/* The client answers the SYN-ACK of a listener: its SYN has arrived, and so has the answer. */
__noinline int health_shake(const struct flow *f)
{
	int rule = began_at_proxy(f, BEGAN_HERE);

	if (rule)
		health_arrive((__u32)rule - 1);
	return rule;
}

#endif
