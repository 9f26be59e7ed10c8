/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SYN cookies: under flood the listener keeps no request socket, so the ACK that
 * ends the handshake is owned by nobody and must be assigned like a SYN.
 */
#ifndef TPROXY_COOKIE_BPF_H
#define TPROXY_COOKIE_BPF_H

#include "parse.bpf.h"

/* tcp_check_syncookie: a look at two fields unless this listener overflowed lately. */
static __always_inline bool cookie_is_valid(struct __sk_buff *skb, struct bpf_sock *listener,
					    const struct flow *f)
{
	struct tcphdr th;
	struct ipv6hdr ip = {}; /* long enough for either header */
	__u32 len = f->family == AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);

	if (load_net(skb, f->l4_offset, &th, sizeof(th)) || load_net(skb, 0, &ip, len))
		return false;
	return !bpf_tcp_check_syncookie(listener, &ip, sizeof(ip), &th, sizeof(th));
}

#endif
