/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets that must not leave by a device other than lo. IP_PKTINFO and IP_UNICAST_IF name a device for
 * one datagram, which the hook of sendmsg cannot see; the kernel then sends it there, whatever the
 * routes of a token say. That datagram is lost, but from then on its socket counts as one that is bound to a
 * device. And when somebody deletes our ip rule, proxied connections would go past the
 * proxy. Counts nothing.
 */
#ifndef TPROXY_OWN_WIRE_BPF_H
#define TPROXY_OWN_WIRE_BPF_H

#include "own_maps.bpf.h"
#include "own_token.bpf.h"
#include "own_udp.bpf.h"
#include "proto.bpf.h"
#include "tproxy_own.h"

#define IP4_DST_OFFSET 16
#define IP6_DST_OFFSET 24

static __always_inline bool wire_is_token(struct __sk_buff *skb, const struct tproxy_own *own)
{
	const __u8 *data = (const __u8 *)(long)skb->data;
	const __u8 *end = (const __u8 *)(long)skb->data_end;
	__u32 dst[4];

	/* every packet of this host comes here: this is the short way */
	if (skb->protocol == bpf_htons(ETH_P_IP) && data + sizeof(struct iphdr) <= end)
		return is_token4(((const struct iphdr *)data)->daddr);
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return !bpf_skb_load_bytes(skb, IP4_DST_OFFSET, dst, sizeof(dst[0])) &&
		       is_token4(dst[0]);
	return skb->protocol == bpf_htons(ETH_P_IPV6) &&
	       !bpf_skb_load_bytes(skb, IP6_DST_OFFSET, dst, sizeof(dst)) && is_token6(own, dst);
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
