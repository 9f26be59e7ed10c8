/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/trace/verdict.h"

#include <errno.h>
#include <stdbool.h>

#include "tproxy.h"

/* Of the kernel: linux/pkt_cls.h, and SK_PASS. */
#define TC_SHOT 2
#define TC_REDIRECT 7
#define SK_PASSES 1

#define BIT(counter) (1ULL << TPROXY_COUNT_##counter)

/* The kept packet begins something that a listener gets; all others belong to a flow. */
#define STARTS                                                                                     \
	(BIT(STEERED) | BIT(TIME_WAIT) | BIT(FRAG_FIRST) | BIT(COOKIE) | BIT(FOREIGN_LISTENER))
#define UNREADABLE                                                                                 \
	(BIT(SOURCE_ROUTE) | BIT(MALFORMED) | BIT(HIDDEN) | BIT(HIDDEN_CHAIN) |                    \
	 BIT(ROUTING_HEADER) | BIT(FRAG_OVERLAP) | BIT(VLAN_TAGS))
#define REFUSALS (BIT(RULE_RESET) | BIT(DOWN_RESET) | BIT(LATE))
#define PASSES (BIT(RULE_PASS) | BIT(DOWN_PASS) | UNREADABLE)
/* The rule counted the packet before it turned out not to apply. */
#define EXEMPT (BIT(UNROUTED) | BIT(TTL) | BIT(LOCAL_DST) | BIT(OLDER))

const char *const trace_verdict_names[TRACE_VERDICT_MAX] = {
	[TRACE_LEFT_ALONE] = "left_alone",
	[TRACE_STEER] = "steer",
	[TRACE_KEEP] = "keep",
	[TRACE_PASS] = "pass",
	[TRACE_AUDIT] = "audit",
	[TRACE_SHOT] = "drop",
	[TRACE_REFUSE] = "refuse",
	[TRACE_KERNEL_DROP] = "kernel_drop",
};

/* Left alone, but perhaps by a rule. */
static enum trace_verdict of_unproxied(const struct trace_event *e)
{
	if (e->counters & EXEMPT)
		return TRACE_LEFT_ALONE;
	if (e->counters & BIT(RULE_AUDIT))
		return TRACE_AUDIT;
	return e->counters & PASSES ? TRACE_PASS : TRACE_LEFT_ALONE;
}

static enum trace_verdict of_kept(const struct trace_event *e)
{
	return e->cookie || (e->counters & STARTS) ? TRACE_STEER : TRACE_KEEP;
}

static enum trace_verdict of_packet(const struct trace_event *e, __u32 mask)
{
	if (e->result == TC_SHOT)
		return TRACE_SHOT;
	if (e->result == TC_REDIRECT)
		return TRACE_REFUSE;
	return e->mark_out & mask ? of_kept(e) : of_unproxied(e);
}

/* What is not delivered is redirected: an answer, or the packet itself on its way past the proxy. */
static enum trace_verdict of_own(const struct trace_event *e)
{
	if (e->result == TC_SHOT)
		return TRACE_SHOT;
	if (e->result == TC_REDIRECT)
		return e->counters & REFUSALS ? TRACE_REFUSE : of_unproxied(e);
	/* an address that stands for no destination, or one of this host */
	if (e->counters & BIT(OWN_STALE) || (!e->counters && e->mark_in == e->mark_out))
		return TRACE_LEFT_ALONE;
	return of_kept(e);
}

static enum trace_verdict of_call(const struct trace_call *call)
{
	if (call->result > 0)
		return TRACE_STEER;
	if (call->result < 0)
		return call->result == -EPERM ? TRACE_SHOT : TRACE_REFUSE;
	return of_unproxied(&call->event);
}

enum trace_verdict trace_verdict(const struct trace_event *event, __u32 mask)
{
	switch (event->kind) {
	case TRACE_DROP:
		return TRACE_KERNEL_DROP;
	case TRACE_LOOKUP:
		return event->result == SK_PASSES ? TRACE_STEER : TRACE_REFUSE;
	case TRACE_CALL:
		return of_call((const struct trace_call *)event);
	case TRACE_OWN:
		return of_own(event);
	default:
		return of_packet(event, mask);
	}
}
