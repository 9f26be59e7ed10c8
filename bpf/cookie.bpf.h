/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SYN cookies: under flood the listener keeps no request socket, so no socket owns the ACK that
 * completes the handshake, and it must be steered like a SYN. Every ACK that is forwarded looks
 * like it. So a SYN that a listener will answer by cookie is noted; without one lately, ordinary
 * traffic does not pay for the check. Finds no listener and steers nothing.
 */
#ifndef TPROXY_COOKIE_BPF_H
#define TPROXY_COOKIE_BPF_H

#include "flow.bpf.h"
#include "proto.bpf.h"

#define COOKIE_LIFE_NS (2 * 60 * 1000000000ULL) /* MAX_SYNCOOKIE_AGE, include/net/tcp.h */

/*
 * When a listener was last seen to answer a SYN by cookie, bpf_ktime_get_ns(); 0: not lately.
 * The pin internal/cookie and the upgrade from older builds go by the two names.
 */
volatile __u64 cookie_seen SEC(".data.cookie");

static __always_inline bool cookie_expected(void)
{
	__u64 seen = cookie_seen;

	if (!seen)
		return false;
	if (bpf_ktime_get_ns() - seen < COOKIE_LIFE_NS)
		return true;
	/* Another CPU may just have seen one: then its time stays. */
	__sync_val_compare_and_swap(&cookie_seen, seen, 0);
	return false;
}

/*
 * A SYN goes to this listener. Notes whether it will answer by cookie: bpf_tcp_gen_syncookie
 * knows, as tcp_conn_request does, both when the queue is full and when cookies are forced.
 */
static __always_inline void cookie_note_syn(struct __sk_buff *skb, struct bpf_sock *listener,
					    const struct flow *f)
{
	struct {
		struct tcphdr th;
		__u8 options[TCP_HEADER_MAX - sizeof(struct tcphdr)];
	} tcp = {};
	struct ipv6hdr ip = {}; /* long enough for either header */
	__u32 len = f->family == AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);

	if (load_net(skb, f->l4_offset, &tcp.th, sizeof(tcp.th)) ||
	    load_net(skb, f->base, &ip, len))
		return;
	len = tcp.th.doff * 4;
	if (len < sizeof(tcp.th) || len > sizeof(tcp) || f->l4_offset + len > f->end ||
	    load_net(skb, f->l4_offset, &tcp, len))
		return;
	if (bpf_tcp_gen_syncookie(listener, &ip, sizeof(ip), &tcp.th, len) > 0)
		cookie_seen = bpf_ktime_get_ns();
}

/* Cheap: the kernel compares two fields unless this listener overflowed lately. */
static __always_inline bool cookie_is_valid(struct __sk_buff *skb, struct bpf_sock *listener,
					    const struct flow *f)
{
	struct tcphdr th;
	struct ipv6hdr ip = {}; /* long enough for either header */
	__u32 len = f->family == AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);

	if (f->l4_offset + sizeof(th) > f->end || load_net(skb, f->l4_offset, &th, sizeof(th)) ||
	    load_net(skb, f->base, &ip, len))
		return false;
	return !bpf_tcp_check_syncookie(listener, &ip, sizeof(ip), &th, sizeof(th));
}

#endif
