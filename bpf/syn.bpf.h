/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Signed SYNs: the TCP MD5 option holds a signature made with a key that only client and server
 * know. A listener without the key does not answer (tcp_inbound_hash), so a proxy cannot either.
 * Reads one packet; decides nothing.
 *
 * An option of another length is no signature. Servers ignore it and answer, so to take it for
 * one would open a way past a rule with on-proxy-down = pass. The same holds for TCP AO, which
 * kernels without support ignore.
 */
#ifndef TPROXY_SYN_BPF_H
#define TPROXY_SYN_BPF_H

#include "flow.bpf.h"
#include "proto.bpf.h"

/* A global function: the verifier walks its loop once. */
__noinline int syn_is_signed(struct __sk_buff *skb, const struct flow *f)
{
	__u32 at, end;
	__u8 option[2]; /* kind, length */

	if (!f || f->proto != IPPROTO_TCP || f->frag)
		return 0;
	at = f->l4_offset;
	if (load_net(skb, at + 12, option, 1))
		return 0;
	end = at + (option[0] >> 4) * 4;
	if (end > f->end)
		return 0;
	at += sizeof(struct tcphdr);
	for (int n = 0; n < TCP_OPTIONS_MAX && at < end; n++) {
		__u32 nop;

		if (load_net(skb, at, option, sizeof(option)) && load_net(skb, at, option, 1))
			return 0;
		if (option[0] == TCPOPT_EOL)
			return 0;
		if (option[0] == TCPOPT_MD5SIG)
			return option[1] == TCPOLEN_MD5SIG && at + TCPOLEN_MD5SIG <= end &&
			       !load_net(skb, at + TCPOLEN_MD5SIG - 1, option, 1);
		/* Without a branch, as in parse_ip4_options. */
		nop = ((__u32)(option[0] ^ TCPOPT_NOP) - 1) >> 31;
		barrier_var(nop);
		if (option[1] * (1 - nop) + 2 * nop < 2)
			return 0;
		at += option[1] * (1 - nop) + nop;
	}
	return 0;
}

#endif
