/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's skb for programs that trace: enough for parse.bpf.h to read it like the data path
 * does, and where it comes from and goes to. Reads kernel memory; changes and decides nothing.
 *
 * Include it before every header that reads packets: in these, struct __sk_buff becomes struct
 * packet. So both programs have one parser, and trace shows what the data path sees.
 */
#ifndef TPROXY_PACKET_BPF_H
#define TPROXY_PACKET_BPF_H

#include <bpf/bpf_core_read.h>

#define SKB_DST_NOREF 1

struct ns_common {
	unsigned int inum;
} __attribute__((preserve_access_index));

struct net {
	struct ns_common ns;
} __attribute__((preserve_access_index));

typedef struct {
	struct net *net;
} __attribute__((preserve_access_index)) possible_net_t;

struct net_device {
	int ifindex;
	possible_net_t nd_net;
} __attribute__((preserve_access_index));

struct sock_common {
	possible_net_t skc_net;
	struct {
		__s64 counter;
	} skc_cookie;
} __attribute__((preserve_access_index));

struct sock {
	struct sock_common __sk_common;
} __attribute__((preserve_access_index));

struct dst_entry {
	struct net_device *dev;
} __attribute__((preserve_access_index));

struct skb_shared_info {
	unsigned short gso_size;
} __attribute__((preserve_access_index));

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned long _skb_refdst;
	unsigned int len;
	unsigned int data_len;
	__u32 mark;
	int skb_iif;
	__be16 protocol;
	__u16 network_header;
	unsigned int end;
	unsigned char *head;
	unsigned char *data;
} __attribute__((preserve_access_index));

/* All that parse.bpf.h may know of a packet. */
struct packet {
	__u64 net;       /* kernel address of the network header */
	__u32 linear;    /* bytes that can be read there */
	__u32 total;     /* bytes of the packet from there on; the rest is in pages */
	__u32 gso_size;  /* not 0: it stands for several packets */
	__be16 protocol; /* Ethernet type */
	__u16 paged;     /* 1: something was asked for that is in pages */
};

/* gso_size is asked for only where a header declares no length (BIG TCP). */
static __always_inline void packet_open(const struct sk_buff *skb, struct packet *ret_packet)
{
	unsigned char *head = BPF_CORE_READ(skb, head), *data = BPF_CORE_READ(skb, data);
	unsigned char *net = head + BPF_CORE_READ(skb, network_header);
	__u32 len = BPF_CORE_READ(skb, len), paged = BPF_CORE_READ(skb, data_len);
	struct skb_shared_info *shared = (void *)(head + BPF_CORE_READ(skb, end));

	*ret_packet =
		(struct packet){ .net = (__u64)net, .protocol = BPF_CORE_READ(skb, protocol) };
	if (net > data + len - paged)
		return;
	ret_packet->linear = (__u32)(data + len - paged - net);
	ret_packet->total = ret_packet->linear + paged;
	ret_packet->gso_size = BPF_CORE_READ(shared, gso_size);
}

/*
 * Kernel address of these bytes, or 0. A global function, so that reading them needs no branch: with
 * one, the verifier walks the loops of the parser for every outcome.
 */
__noinline __u64 packet_at(struct packet *p, __u32 offset, __u32 len)
{
	if (!p)
		return 0;
	if (offset <= p->linear && len <= p->linear - offset)
		return p->net + offset;
	if (offset <= p->total && len <= p->total - offset)
		p->paged = 1;
	return 0;
}

/* As bpf_skb_load_bytes_relative from the network header; reading at address 0 fails. */
static __always_inline long packet_load(struct packet *p, __u32 offset, void *to, __u32 len)
{
	return bpf_probe_read_kernel(to, len, (void *)packet_at(p, offset, len));
}

static __always_inline __u32 device_index(const struct net_device *dev)
{
	return dev ? (__u32)BPF_CORE_READ(dev, ifindex) : 0;
}

static __always_inline const struct net_device *packet_route_device(const struct sk_buff *skb)
{
	struct dst_entry *dst = (void *)(BPF_CORE_READ(skb, _skb_refdst) & ~SKB_DST_NOREF);

	return dst ? BPF_CORE_READ(dst, dev) : NULL;
}

/* Cookie of the socket that it belongs to; 0: none, or one that was never asked for. */
static __always_inline __u64 packet_socket(const struct sk_buff *skb)
{
	struct sock *sk = BPF_CORE_READ(skb, sk);

	return sk ? (__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter) : 0;
}

/* Inode number of its network namespace; 0: nothing of the packet shows it. */
static __always_inline __u32 packet_netns(const struct sk_buff *skb)
{
	const struct net_device *dev = BPF_CORE_READ(skb, dev);
	struct sock *sk = BPF_CORE_READ(skb, sk);
	__u32 netns = dev ? BPF_CORE_READ(dev, nd_net.net, ns.inum) : 0;

	if (!netns && sk)
		netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	if (netns)
		return netns;
	dev = packet_route_device(skb);
	return dev ? BPF_CORE_READ(dev, nd_net.net, ns.inum) : 0;
}

#define __sk_buff packet
#define bpf_skb_load_bytes_relative(skb, offset, to, len, start) packet_load(skb, offset, to, len)

#endif
