/* SPDX-License-Identifier: BSD-2-Clause */
/* What was decided about a traced packet. Pure: knows no kernel and no output. */
#ifndef TPROXY_LOADER_TRACE_VERDICT_H
#define TPROXY_LOADER_TRACE_VERDICT_H

#include "tproxy_trace.h"

enum trace_verdict {
	TRACE_LEFT_ALONE,  /* no rule concerns it, or the reason says why it does not apply */
	TRACE_STEER,       /* given to a listener */
	TRACE_KEEP,        /* delivered to the socket that owns its flow */
	TRACE_PASS,        /* a rule lets it pass */
	TRACE_AUDIT,       /* forwarded, and counted for its rule */
	TRACE_SHOT,        /* dropped by us; a call: not permitted */
	TRACE_REFUSE,      /* answered with a reset or an ICMP error; a call: refused */
	TRACE_KERNEL_DROP, /* dropped by the kernel */
	TRACE_VERDICT_MAX
};
extern const char *const trace_verdict_names[TRACE_VERDICT_MAX];

/* An event of the kind TRACE_CALL begins a struct trace_call. mask: our bits of the packet mark. */
enum trace_verdict trace_verdict(const struct trace_event *event, __u32 mask);

#endif
