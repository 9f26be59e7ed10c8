/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP: which errors belong to flows of local sockets. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "reference_decision.h"

/* RFC 792, RFC 1122 3.2.2; RFC 4443 2.1. */
static bool is_icmp_error(__u8 family, __u8 type)
{
	if (family == AF_INET)
		return type == 3 || type == 11 || type == 12;
	return type >= 1 && type <= 4;
}

/*
 * Does the error quote a datagram that the relay sent with the address of a UDP server? Other
 * proxies have a bound socket for that.
 */
static bool is_answer_of_proxy(const struct decision *d, const struct seen *quoted)
{
	const struct seen asked = {
		.from = quoted->to,
		.to = quoted->from,
		.proto = quoted->proto,
	};
	int cls = asked.to.addr.family == AF_INET6 ? TPROXY_UDP6 : TPROXY_UDP4, rule;

	if (quoted->proto != IPPROTO_UDP || is_older(d->w, &asked.from, &asked.to))
		return false;
	rule = world_rule(d->w, d->iface, &asked);
	return rule >= 0 && d->w->policy->rules[rule].action == TPROXY_ACTION_PROXY &&
	       !d->w->policy->rules[rule].proxy.port &&
	       d->w->registered[d->w->group[rule]][cls] != REF_NO_SOCKET;
}

void decide_icmp(struct decision *d)
{
	__u8 family = d->s.to.addr.family;
	struct seen q;

	if (d->s.upper >= d->s.end || !is_icmp_error(family, d->p->at[d->s.upper]))
		leave(d, REF_EXIT_ICMP_NO_ERROR, REF_NEXT);
	else if (!seen_quoted(d->p, &d->s, d->s.upper + 8, &q))
		leave(d, REF_EXIT_ICMP_UNREADABLE, REF_NEXT);
	/* the tuple of an answer to the quoted packet */
	else if (world_owner(d->w, q.proto, &q.to, &q.from, NULL) != REF_NOBODY)
		leave_counted(d, REF_EXIT_ICMP_OWNED, REF_KEEP, TPROXY_COUNT_ICMP_OWNED);
	else if (is_answer_of_proxy(d, &q))
		leave_counted(d, REF_EXIT_ICMP_RULE, REF_KEEP, TPROXY_COUNT_ICMP_OWNED);
	else
		leave(d, REF_EXIT_ICMP_NOT_OWNED, REF_NEXT);
}
