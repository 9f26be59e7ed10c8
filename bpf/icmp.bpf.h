/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP errors for flows of local sockets. They are addressed to the foreign address that the
 * socket uses, and would be forwarded past it. The packet that they quote (quote.bpf.h) shows whose
 * they are. Steers nothing.
 */
#ifndef TPROXY_ICMP_BPF_H
#define TPROXY_ICMP_BPF_H

#include "flow.bpf.h"
#include "listener.bpf.h"
#include "maps.bpf.h"
#include "match.bpf.h"
#include "older.bpf.h"
#include "owner.bpf.h"
#include "parse.bpf.h"
#include "proto.bpf.h"
#include "quote.bpf.h"
#include "socket.bpf.h"
#include "tproxy.h"
#include "verdict.bpf.h"

/*
 * Does a rule give this flow to the relay, and is a relay there? A global function: the verifier
 * walks it once.
 */
__noinline int is_relayed(struct __sk_buff *skb, const struct flow *f)
{
	const struct tproxy_config *cfg = get_config();
	struct bpf_sock *s __cleanup_sk = NULL;
	struct match m;
	__u32 slot;

	if (!cfg || !f)
		return 0;
	m = match(skb, cfg, f);
	if (!m.rule || m.rule->action != TPROXY_ACTION_PROXY || m.rule->proxy_port)
		return 0;
	s = find_listener(skb, m.rule, f, &slot);
	return s != NULL;
}

static __always_inline enum verdict decide_icmp(struct __sk_buff *skb, const struct flow *outer)
{
	struct flow quoted = {};
	enum owner owner = OWNER_NONE;
	__u8 type;

	if (outer->l4_offset >= outer->end ||
	    load_net(skb, outer->l4_offset, &type, sizeof(type)) || !icmp_is_error(outer, type))
		return VERDICT_NEXT;
	if (!icmp_quoted_flow(skb, outer, &quoted))
		return VERDICT_NEXT;
	if (quoted.proto == IPPROTO_TCP)
		owner = tcp_owner(skb, &quoted);
	else if (quoted.proto == IPPROTO_UDP)
		owner = udp_owner(skb, &quoted);
	/* The relay answers datagrams from sockets bound elsewhere, so here the rules decide. */
	if (owner == OWNER_NONE &&
	    (quoted.proto != IPPROTO_UDP || !is_relayed(skb, &quoted) || older_is(&quoted)))
		return VERDICT_NEXT;
	return keep(TPROXY_COUNT_ICMP_OWNED);
}

#endif
