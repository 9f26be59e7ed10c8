/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lo carries larger packets than the device by which they leave after all. The sender learns the path
 * MTU, as if it had sent by that device: its next datagrams are fragmented, or refused. Knows no route.
 */
#ifndef TPROXY_OWN_TOOBIG_BPF_H
#define TPROXY_OWN_TOOBIG_BPF_H

#include "flow.bpf.h"
#include "proto.bpf.h"
#include "reset.bpf.h"

/* 1: the skb is the ICMP error now. 0: it must be dropped. A global function: the verifier walks it once. */
__noinline int make_too_big(struct __sk_buff *skb, const struct flow *f, __u32 mtu)
{
	int l2 = link_header_len(skb);

	if (!f || l2 < 0 || !mtu || f->frag || f->base || !src_is_host(f) || !icmp_may_answer())
		return 0;
	if (f->family == AF_INET ? !make_unreach4(skb, f, l2, mtu) :
				   !make_unreach6(skb, f, l2, mtu))
		return 0;
	return l2 == 0 || swap_macs(skb);
}

#endif
