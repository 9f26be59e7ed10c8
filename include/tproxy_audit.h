/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When an audited flow is over. The data path and the reader of its table decide that alike, so the
 * rules are here, once. Must not change an entry, and must not know a time.
 */
#ifndef TPROXY_AUDIT_H
#define TPROXY_AUDIT_H

#ifndef __VMLINUX_H__
#include <netinet/in.h>
#include <stdbool.h>
#endif

#include "tproxy.h"

#define TPROXY_AUDIT_RULE static inline __attribute__((always_inline))

/*
 * TCP: has the client acknowledged what the server answered? UDP: has the server answered? Until then
 * anybody can cause an entry with a forged address.
 */
TPROXY_AUDIT_RULE bool tproxy_audit_is_answered(const struct tproxy_flow_key *flow,
						const struct tproxy_audited *a)
{
	if (flow->proto != IPPROTO_TCP)
		return a->packets[1];
	return (a->flags & TPROXY_AUDITED_SEEN << 1) && (__s32)(a->acked[1] - a->first[1]) >= 0;
}

/* Both FINs were seen: only an acknowledgement may be missing, and it may be lost before us. */
TPROXY_AUDIT_RULE bool tproxy_audit_is_closed(const struct tproxy_flow_key *flow,
					      const struct tproxy_audited *a)
{
	const __u32 both = TPROXY_AUDITED_FIN | TPROXY_AUDITED_FIN << 1;

	return flow->proto == IPPROTO_TCP && (a->flags & both) == both;
}

TPROXY_AUDIT_RULE enum tproxy_audit_end tproxy_audit_closed_by(const struct tproxy_audited *a)
{
	return a->flags & TPROXY_AUDITED_FIN_FIRST ? TPROXY_AUDIT_CLIENT_FIN :
						     TPROXY_AUDIT_SERVER_FIN;
}

/* The flow has ended after this time without a packet. */
TPROXY_AUDIT_RULE __u64 tproxy_audit_idle_ns(const struct tproxy_flow_key *flow,
					     const struct tproxy_audited *a)
{
	if (flow->proto != IPPROTO_TCP)
		return TPROXY_AUDITED_UDP_IDLE_NS;
	return tproxy_audit_is_answered(flow, a) && !tproxy_audit_is_closed(flow, a) ?
		       TPROXY_AUDITED_TCP_IDLE_NS :
		       TPROXY_AUDITED_SYN_IDLE_NS;
}

#endif
