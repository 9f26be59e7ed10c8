/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * action = reset and on-proxy-down = reset: turns the packet itself into the refusal that a closed
 * port would send (RST for TCP, port unreachable for UDP), to go back where it came from. The only
 * header that changes a packet. Knows no map and no socket.
 *
 * The device may still have to fill in the checksum of an skb (CHECKSUM_PARTIAL, usual on veth),
 * and a program cannot see that. So TCP's checksum is changed by difference, which the helper
 * gets right either way. ICMP gets a complete checksum. But the device may still write one where
 * UDP had its own; there ICMP has an unused half word. It holds the sum of the pseudo header
 * (ICMPv4 has none: 0), so that a checksum which the device writes there is correct, too.
 */
#ifndef TPROXY_RESET_BPF_H
#define TPROXY_RESET_BPF_H

#include "flow.bpf.h"
#include "proto.bpf.h"

#define REPLY_TTL 64
#define TCP_FLAGS_OFFSET 13
#define TCP_CHECK_OFFSET 16
#define IP_TTL_OFFSET 8
#define IP_CHECK_OFFSET 10
#define IPV6_HOP_LIMIT_OFFSET 7

static __always_inline bool same20(const __u32 *a, const __u32 *b)
{
	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3] && a[4] == b[4];
}

/* ---- who may be answered ------------------------------------------------ */

/*
 * RFC 1122 3.2.2, RFC 4443 2.4: does the source name one host? Linux takes no packet from the others;
 * an answer to them would reach many hosts, or none.
 */
static __always_inline bool src_is_host(const struct flow *f)
{
	__u32 a;

	if (f->family == AF_INET) {
		a = bpf_ntohl(f->tuple.ipv4.saddr);
		return a >> 28 != 0xe && a != 0xffffffff && a >> 24 != 127 && a;
	}
	if (bpf_ntohl(f->tuple.ipv6.saddr[0]) >> 24 == 0xff)
		return false;
	return f->tuple.ipv6.saddr[0] | f->tuple.ipv6.saddr[1] | f->tuple.ipv6.saddr[2] ||
	       bpf_ntohl(f->tuple.ipv6.saddr[3]) > 1;
}

/* RFC 1812 4.3.2.8, RFC 4443 2.4 (f): errors are limited, here like net.ipv4.icmp_msgs_per_sec. */
#define ICMP_PERIOD_SHIFT 30 /* 2^30 ns, about a second */
#define ICMP_PER_PERIOD 1000

struct {
	__u32 period, sent;
} icmp_errors;

/* CPUs may count a few errors twice or not at all when a period begins. */
static __always_inline bool icmp_may_answer(void)
{
	__u32 period = bpf_ktime_get_ns() >> ICMP_PERIOD_SHIFT;

	if (icmp_errors.period != period) {
		icmp_errors.period = period;
		icmp_errors.sent = 0;
	}
	return __sync_fetch_and_add(&icmp_errors.sent, 1) < ICMP_PER_PERIOD;
}

/* ---- the answer --------------------------------------------------------- */

/* Bytes before the network header, which the context does not show: 14, 0, or -1. */
static __always_inline int link_header_len(struct __sk_buff *skb)
{
	__u32 net[5], at[5];

	if (load_net(skb, 0, net, sizeof(net)))
		return -1;
	if (!bpf_skb_load_bytes(skb, ETH_HLEN, at, sizeof(at)) && same20(net, at))
		return ETH_HLEN;
	if (!bpf_skb_load_bytes(skb, 0, at, sizeof(at)) && same20(net, at))
		return 0;
	return -1;
}

/* Nobody sends from a group address: an answer would reach the whole link. */
static __always_inline bool swap_macs(struct __sk_buff *skb)
{
	__u8 from[2 * ETH_ALEN], to[2 * ETH_ALEN];

	if (bpf_skb_load_bytes(skb, 0, from, sizeof(from)) || (from[ETH_ALEN] & 1))
		return false;
	__builtin_memcpy(to, from + ETH_ALEN, ETH_ALEN);
	__builtin_memcpy(to + ETH_ALEN, from, ETH_ALEN);
	return !bpf_skb_store_bytes(skb, 0, to, sizeof(to), 0);
}

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Swaps the addresses, which changes no checksum, and sets a fresh TTL. */
static __always_inline bool reverse_ip(struct __sk_buff *skb, const struct flow *f, __u32 l2)
{
	if (f->family == AF_INET) {
		__be32 addrs[2] = { f->tuple.ipv4.daddr, f->tuple.ipv4.saddr };
		__u8 from[2], to[2]; /* TTL and protocol: one word of the checksum */

		if (bpf_skb_load_bytes(skb, l2 + IP_TTL_OFFSET, from, sizeof(from)))
			return false;
		to[0] = REPLY_TTL;
		to[1] = from[1];
		return !bpf_l3_csum_replace(skb, l2 + IP_CHECK_OFFSET, *(__u16 *)from, *(__u16 *)to,
					    sizeof(to)) &&
		       !bpf_skb_store_bytes(skb, l2 + IP_TTL_OFFSET, to, sizeof(to), 0) &&
		       !bpf_skb_store_bytes(skb, l2 + 12, addrs, sizeof(addrs), 0);
	} else {
		__u32 addrs[8];
		__u8 hops = REPLY_TTL;

		__builtin_memcpy(addrs, f->tuple.ipv6.daddr, 16);
		__builtin_memcpy(addrs + 4, f->tuple.ipv6.saddr, 16);
		return !bpf_skb_store_bytes(skb, l2 + IPV6_HOP_LIMIT_OFFSET, &hops, 1, 0) &&
		       !bpf_skb_store_bytes(skb, l2 + 8, addrs, sizeof(addrs), 0);
	}
}

/* RFC 9293 3.10.7.1: <SEQ=0><ACK=SEG.SEQ+1><CTL=RST,ACK>. The SYN's options stay, unread. */
static __always_inline bool make_rst(struct __sk_buff *skb, const struct flow *f, __u32 l2)
{
	struct tcphdr from, to;
	__u32 at = l2 + f->l4_offset;
	__s64 diff;

	if (f->l4_offset + sizeof(from) > f->end ||
	    load_net(skb, f->l4_offset, &from, sizeof(from)))
		return false;
	to = from;
	to.source = from.dest;
	to.dest = from.source;
	to.seq = 0;
	to.ack_seq = bpf_htonl(bpf_ntohl(from.seq) + 1);
	((__u8 *)&to)[TCP_FLAGS_OFFSET] = TCP_RST | TCP_ACK;
	diff = bpf_csum_diff((__be32 *)&from, sizeof(from), (__be32 *)&to, sizeof(to), 0);
	return diff >= 0 && !bpf_skb_store_bytes(skb, at, &to, sizeof(to), 0) &&
	       !bpf_l4_csum_replace(skb, at + TCP_CHECK_OFFSET, 0, diff, 0) &&
	       reverse_ip(skb, f, l2);
}

/*
 * RFC 1122 3.2.2.1; the quote is the IP header and the UDP header. A wrong checksum of the header ends
 * here (RFC 1122 3.2.1.2): the ICMP error has a right one. A RST takes it along instead. mtu: of the
 * link that is too narrow (RFC 1191 4), or 0 for a closed port.
 */
static __always_inline bool make_unreach4(struct __sk_buff *skb, const struct flow *f, __u32 l2,
					  __u32 mtu)
{
	struct {
		struct iphdr ip;
		struct icmphdr icmp;
		__u8 quote[sizeof(struct iphdr) + sizeof(struct udphdr)];
	} p = {
		.ip = { .version = 4, .ihl = 5, .ttl = REPLY_TTL, .protocol = IPPROTO_ICMP },
		.icmp = { .type = ICMP_DEST_UNREACH,
			  .code = mtu ? ICMP_FRAG_NEEDED : ICMP_PORT_UNREACH,
			  .un.frag.mtu = bpf_htons(mtu) },
	};

	if (f->l4_offset != sizeof(p.ip) || load_net(skb, 0, p.quote, sizeof(p.quote)) ||
	    fold(bpf_csum_diff(NULL, 0, (__be32 *)p.quote, sizeof(p.ip), 0)))
		return false;
	p.ip.tot_len = bpf_htons(sizeof(p));
	p.ip.saddr = f->tuple.ipv4.daddr;
	p.ip.daddr = f->tuple.ipv4.saddr;
	p.ip.check = fold(bpf_csum_diff(NULL, 0, (__be32 *)&p.ip, sizeof(p.ip), 0));
	p.icmp.checksum = fold(
		bpf_csum_diff(NULL, 0, (__be32 *)&p.icmp, sizeof(p.icmp) + sizeof(p.quote), 0));
	return !bpf_skb_change_tail(skb, l2 + sizeof(p), 0) &&
	       !bpf_skb_store_bytes(skb, l2, &p, sizeof(p), 0);
}

/* RFC 4443 3.1 and 3.2. A packet that is too big has no unused word: only for lo, which fills nothing in. */
static __always_inline bool make_unreach6(struct __sk_buff *skb, const struct flow *f, __u32 l2,
					  __u32 mtu)
{
	struct {
		struct ipv6hdr ip;
		struct icmphdr icmp;
		__u8 quote[sizeof(struct ipv6hdr) + sizeof(struct udphdr)];
	} p = {
		.ip = { .version = 6, .nexthdr = NEXTHDR_ICMP, .hop_limit = REPLY_TTL },
		.icmp = { .type = mtu ? ICMPV6_PKT_TOOBIG : ICMPV6_DEST_UNREACH,
			  .code = mtu ? 0 : ICMPV6_PORT_UNREACH,
			  .un.gateway = bpf_htonl(mtu) },
	};
	const __u32 payload = sizeof(p) - sizeof(p.ip);
	__be32 pseudo[2] = { bpf_htonl(payload), bpf_htonl(NEXTHDR_ICMP) };
	__s64 sum;

	if (f->l4_offset != sizeof(p.ip) || load_net(skb, 0, p.quote, sizeof(p.quote)))
		return false;
	p.ip.payload_len = bpf_htons(payload);
	__builtin_memcpy(&p.ip.saddr, f->tuple.ipv6.daddr, 16);
	__builtin_memcpy(&p.ip.daddr, f->tuple.ipv6.saddr, 16);
	sum = bpf_csum_diff(NULL, 0, pseudo, sizeof(pseudo), 0);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&p.ip.saddr, 32, sum);
	/* See the top of this file: the device would write ~(sum of all but the pseudo header + this word). */
	if (!mtu)
		p.icmp.un.frag.mtu = ~fold(sum);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&p.icmp, payload, sum);
	p.icmp.checksum = fold(sum);
	return !bpf_skb_change_tail(skb, l2 + sizeof(p), 0) &&
	       !bpf_skb_store_bytes(skb, l2, &p, sizeof(p), 0);
}

/*
 * 1: the skb is the refusal now. 0: it may be half changed and must be dropped. A global function:
 * the verifier walks it once.
 */
__noinline int make_refusal(struct __sk_buff *skb, const struct flow *f)
{
	int l2 = link_header_len(skb);
	bool made;

	if (!f || l2 < 0 || f->frag || f->base || !src_is_host(f))
		return 0;
	if (f->proto != IPPROTO_TCP && !icmp_may_answer())
		return 0;
	if (f->proto == IPPROTO_TCP)
		made = make_rst(skb, f, l2);
	else if (f->family == AF_INET)
		made = make_unreach4(skb, f, l2, 0);
	else
		made = make_unreach6(skb, f, l2, 0);
	return made && (l2 == 0 || swap_macs(skb));
}

#endif
