/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do the answers of clients to a SYN-ACK arrive? The data path sees them come in and counts them
 * as delivered. But a firewall may treat packets of known connections otherwise than the first one
 * (above all by restoring a mark from conntrack) and so lose them after that. Then more handshakes
 * are half open than flow starts are without an answer.
 */
#include <netinet/in.h>
#include <string.h>

#include "kernel/flows/sockdiag.h"
#include "kernel/maps/health.h"
#include "loader/check/list.h"

/* Flow starts of all rules in the last minute, and how many of them have no answer. */
static __u32 unanswered(const struct checkup *c, __u32 *ret_started)
{
	__u32 sum = 0;

	*ret_started = 0;
	for (__u32 rule = 0; rule < TPROXY_MAX_RULES; rule++) {
		struct health health = { 0 };

		if (!c->policy.rules[rule].used ||
		    health_read(&c->session->state, rule, IPPROTO_TCP, &health))
			continue;
		*ret_started += (__u32)health.started;
		sum += (__u32)(health.started - health.delivered);
	}
	return sum;
}

void check_handshakes(struct checkup *c)
{
	__u32 started, lost = unanswered(c, &started);
	size_t n = 0;
	struct problem *p;

	if (!started || sockdiag_half_open(&c->session->nl, &n) || n < 2 || n <= lost)
		return;
	p = problem_add(&c->problems, "half-open", VERDICT_DEGRADED, NULL, NULL);
	problem_concerns(p, 1 << TPROXY_TCP4 | 1 << TPROXY_TCP6);
	problem_text(p,
		     "%zu connections to the proxy stay half open although their clients answer: "
		     "packets after the first do not arrive",
		     n);
	problem_next(p, "look for what writes the packet mark of established connections (nft list "
			"ruleset, iptables-save -t mangle: restore-mark without a mask), or for a "
			"full queue (ss -lt)");
}
