/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets that must not leave by a device other than lo. IP_PKTINFO and IP_UNICAST_IF name a device for
 * one datagram, which the hook of sendmsg cannot see; the kernel then sends it there, whatever the
 * routes of a token say. That datagram is lost, but from then on its socket counts as one that is bound to a
 * device. A source route leads a datagram past lo, too. And when somebody deletes our ip rule, proxied connections would go past the
 * proxy. Counts nothing.
 */
#ifndef TPROXY_OWN_WIRE_BPF_H
#define TPROXY_OWN_WIRE_BPF_H

#include "own_maps.bpf.h"
#include "own_token.bpf.h"
#include "own_udp.bpf.h"
#include "proto.bpf.h"
#include "tproxy_own.h"

#define IP4_HEADER_MAX 60
#define IP6_NEXT_OFFSET 6
#define IP6_DST_OFFSET 24
#define IP6_ROUTE_LAST_OFFSET 48 /* the last segment is the first in the header */

/*
 * With a source route the destination is a hop, and the token is the last address of the route. No
 * other option of a datagram has this address. A global function: the verifier walks the loop once.
 */
__noinline int wire_routes_token4(struct __sk_buff *skb)
{
	for (__u32 at = sizeof(struct iphdr); at < IP4_HEADER_MAX; at++) {
		__u32 addr;

		if (bpf_skb_load_bytes(skb, at, &addr, sizeof(addr)))
			return false;
		if (is_token4(addr))
			return true;
	}
	return false;
}

static __always_inline bool wire_is_token4(struct __sk_buff *skb)
{
	const struct iphdr *data = (const struct iphdr *)(long)skb->data;
	const void *end = (const void *)(long)skb->data_end;
	struct iphdr ip;

	/* every packet of this host comes here: this is the short way */
	if ((const void *)(data + 1) <= end && data->ihl == 5)
		return is_token4(data->daddr);
	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)))
		return false;
	return is_token4(ip.daddr) ||
	       (ip.ihl > 5 && ip.protocol == IPPROTO_UDP && wire_routes_token4(skb));
}

/* A program without rights can have no extension header before the routing header. */
static __always_inline bool wire_is_token6(struct __sk_buff *skb, const struct tproxy_own *own)
{
	__u32 addr[4];
	__u8 next;

	if (bpf_skb_load_bytes(skb, IP6_DST_OFFSET, addr, sizeof(addr)))
		return false;
	if (is_token6(own, addr))
		return true;
	return !bpf_skb_load_bytes(skb, IP6_NEXT_OFFSET, &next, sizeof(next)) &&
	       next == NEXTHDR_ROUTING &&
	       !bpf_skb_load_bytes(skb, IP6_ROUTE_LAST_OFFSET, addr, sizeof(addr)) &&
	       is_token6(own, addr);
}

static __always_inline bool wire_is_token(struct __sk_buff *skb, const struct tproxy_own *own)
{
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return wire_is_token4(skb);
	return skb->protocol == bpf_htons(ETH_P_IPV6) && wire_is_token6(skb, own);
}

/*
 * Does the packet belong to a flow that a proxy has? A datagram that names its device counts as bound
 * to it. Only sockets of our network namespace have a note.
 */
static __always_inline bool wire_is_proxied(struct __sk_buff *skb, const struct tproxy_own *own)
{
	struct bpf_sock *sk = skb->sk;

	if (!(skb->mark & own->mark) || !sk)
		return false;
	sk = bpf_sk_fullsock(sk);
	if (!sk || !bpf_sk_storage_get(&own_sock, sk, 0, 0))
		return false;
	return sk->protocol == IPPROTO_TCP || (own->flags & TPROXY_OWN_DENY_BOUND);
}

/* With TPROXY_OWN_DENY_BOUND, the other datagrams of the socket are still for the proxy. */
static __always_inline void wire_note(struct __sk_buff *skb, const struct tproxy_own *own)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk || own->flags & TPROXY_OWN_DENY_BOUND)
		return;
	sk = bpf_sk_fullsock(sk);
	if (sk)
		note_device(sk);
}

/* skb: of a cgroup_skb program, whose data begin at the network header. */
static __always_inline bool wire_is_forbidden(struct __sk_buff *skb, const struct tproxy_own *own)
{
	if (!wire_is_token(skb, own))
		return wire_is_proxied(skb, own);
	wire_note(skb, own);
	return true;
}

#endif
