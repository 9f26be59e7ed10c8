/* SPDX-License-Identifier: BSD-2-Clause */
/* Has connection tracking room for new flows? */
#include "loader/check/list.h"
#include "loader/check/tools/sysctl.h"

void check_conntrack(struct checkup *c)
{
	const long count = sysctl_number("netfilter/nf_conntrack_count");
	const long max = sysctl_number("netfilter/nf_conntrack_max");
	struct problem *p;

	if (count < 0 || max <= 0)
		return;
	checkup_evidence(c, "%ld of %ld connections", count, max);
	if (count < max / 10 * 9)
		return;
	p = problem_add(&c->problems, "conntrack-full",
			count >= max ? VERDICT_BROKEN : VERDICT_DEGRADED, NULL, NULL);
	problem_text(p,
		     "connection tracking has %ld of at most %ld entries: when it is full, the "
		     "kernel drops packets of new flows",
		     count, max);
	problem_next(p, "sysctl -w net/netfilter/nf_conntrack_max=%ld", max * 4);
}
