/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * struct flow: what the headers of one packet say. All other headers share it. Knows no map and
 * no socket; compiles as plain C for the parser's unit test and fuzzer.
 */
#ifndef TPROXY_FLOW_BPF_H
#define TPROXY_FLOW_BPF_H

#include "proto.bpf.h"

enum frag_state { FRAG_NONE, FRAG_FIRST, FRAG_LATER };

/* Offsets are bytes from the network header. */
struct flow {
	struct bpf_sock_tuple tuple; /* as the look-up helpers want it */
	__u32 family;                /* AF_INET or AF_INET6; 0: no addresses were read */
	__u32 base;                  /* offset of the IP header: not 0 after priority tags */
	__u32 l4_offset;             /* offset of the TCP, UDP or ICMP header */
	__u32 end;                   /* offset of the packet's end, as the IP header declares it */
	__u32 bytes;                 /* IP bytes, as the header says; 0 for a jumbogram */
	__u32 frag_id;               /* IP identification, as in the packet */
	__be32 flowinfo; /* IPv6 traffic class and flow label; IPv4 TOS in the last byte */
	__u8 proto;
	__u8 tcp_flags; /* enum tcp_flag */
	__u8 frag;      /* enum frag_state */
	__u8 ttl;       /* or hop limit */
	bool df;        /* IPv4 only: not a fragment, and "don't fragment" is set */
	bool routed;    /* an IPv6 routing header has segments left */
};

/* offset: from the network header, as in struct flow. 0, or negative with zeroes in `to`. */
static __always_inline long load_net(struct __sk_buff *skb, __u32 offset, void *to, __u32 len)
{
	return bpf_skb_load_bytes_relative(skb, offset, to, len, BPF_HDR_START_NET);
}

/* The flags that open, acknowledge or end a connection, without PSH, URG and ECN. */
static __always_inline __u8 tcp_control(const struct flow *f)
{
	__u8 flags = f->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN);

	/* RFC 9293 3.10.7.2: a FIN does not keep a SYN from opening a connection. */
	return flags == (TCP_SYN | TCP_FIN) ? TCP_SYN : flags;
}

static __always_inline void set_ports(struct flow *f, __be16 sport, __be16 dport)
{
	if (f->family == AF_INET) {
		f->tuple.ipv4.sport = sport;
		f->tuple.ipv4.dport = dport;
	} else {
		f->tuple.ipv6.sport = sport;
		f->tuple.ipv6.dport = dport;
	}
}

/* The same flow as its answers show it. Sets protocol, addresses and ports only. */
static __always_inline void reverse_flow(const struct flow *f, struct flow *ret_back)
{
	ret_back->family = f->family;
	ret_back->proto = f->proto;
	if (f->family == AF_INET) {
		ret_back->tuple.ipv4.saddr = f->tuple.ipv4.daddr;
		ret_back->tuple.ipv4.daddr = f->tuple.ipv4.saddr;
		ret_back->tuple.ipv4.sport = f->tuple.ipv4.dport;
		ret_back->tuple.ipv4.dport = f->tuple.ipv4.sport;
		return;
	}
	__builtin_memcpy(ret_back->tuple.ipv6.saddr, f->tuple.ipv6.daddr, 16);
	__builtin_memcpy(ret_back->tuple.ipv6.daddr, f->tuple.ipv6.saddr, 16);
	ret_back->tuple.ipv6.sport = f->tuple.ipv6.dport;
	ret_back->tuple.ipv6.dport = f->tuple.ipv6.sport;
}

#endif
