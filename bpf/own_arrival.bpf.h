/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Datagrams that come in by a device to a UDP socket of this host that is not connected. The hook of
 * recvmsg knows who reads a datagram, but not where it came in; this knows it, but not the network
 * namespace, so it notes for the socket alone. Every packet to a socket of the cgroup comes here.
 */
#ifndef TPROXY_OWN_ARRIVAL_BPF_H
#define TPROXY_OWN_ARRIVAL_BPF_H

#include "flow.bpf.h"
#include "own_match.bpf.h"
#include "own_udp.bpf.h"
#include "proto.bpf.h"

static __always_inline bool arrival_is_udp(struct __sk_buff *skb)
{
	const __u8 *data = (const __u8 *)(long)skb->data;
	const __u8 *end = (const __u8 *)(long)skb->data_end;

	if (skb->protocol == bpf_htons(ETH_P_IP))
		return data + sizeof(struct iphdr) <= end &&
		       ((const struct iphdr *)data)->protocol == IPPROTO_UDP;
	return data + sizeof(struct ipv6hdr) <= end &&
	       ((const struct ipv6hdr *)data)->nexthdr == IPPROTO_UDP;
}

/*
 * f: to the peer. IPv6 with extension headers is not read: then the answer goes to the proxy. Fragments
 * are put together before.
 */
static __always_inline bool arrival_read(struct __sk_buff *skb, struct flow *f)
{
	struct ipv6hdr ip6;
	struct iphdr ip4;

	f->proto = IPPROTO_UDP;
	if (skb->protocol != bpf_htons(ETH_P_IP)) {
		f->family = AF_INET6;
		if (bpf_skb_load_bytes(skb, 0, &ip6, sizeof(ip6)))
			return false;
		__builtin_memcpy(f->tuple.ipv6.daddr, &ip6.saddr, 16);
		return !bpf_skb_load_bytes(skb, sizeof(ip6), &f->tuple.ipv6.dport, 2);
	}
	f->family = AF_INET;
	if (bpf_skb_load_bytes(skb, 0, &ip4, sizeof(ip4)))
		return false;
	f->tuple.ipv4.daddr = ip4.saddr;
	return !bpf_skb_load_bytes(skb, ip4.ihl * 4, &f->tuple.ipv4.dport, 2);
}

/* skb: of a cgroup_skb program, whose data begin at the network header. */
static __always_inline void receive_packet(struct __sk_buff *skb)
{
	const struct tproxy_config *cfg;
	struct bpf_sock *sk = skb->sk;
	struct flow f = {};

	if (!sk || !arrival_is_udp(skb))
		return;
	sk = bpf_sk_fullsock(sk);
	cfg = get_config();
	if (!sk || sk->dst_port || !cfg || !arrival_read(skb, &f))
		return;
	if (match_own_port(live_slot(cfg), &f))
		note_arrival(bpf_get_socket_cookie(skb), &f);
}

#endif
