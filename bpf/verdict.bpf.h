/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What to do with a packet. Only the entry point turns a verdict into a TC code. */
#ifndef TPROXY_VERDICT_BPF_H
#define TPROXY_VERDICT_BPF_H

#include "count.bpf.h"

enum verdict {
	VERDICT_NEXT, /* not ours: the next program and the kernel decide */
	VERDICT_KEEP, /* set our mark, so that the packet is delivered to this host */
	VERDICT_DROP,
	VERDICT_REPLY, /* the skb is an answer now: send it back where it came from */
};

static __always_inline enum verdict leave(enum tproxy_counter why)
{
	count(why);
	return VERDICT_NEXT;
}

static __always_inline enum verdict keep(enum tproxy_counter why)
{
	count(why);
	return VERDICT_KEEP;
}

static __always_inline enum verdict drop(enum tproxy_counter why)
{
	count(why);
	return VERDICT_DROP;
}

#endif
