/* SPDX-License-Identifier: BSD-2-Clause */
/* Do clients that have IPv6 as well get past a rule for all of IPv4? */
#include <sys/socket.h>

#include "loader/check/list.h"
#include "loader/check/tools/sysctl.h"
#include "loader/check/tools/way.h"

static bool has_whole_family(const struct rule *rule, __u8 family)
{
	for (size_t i = 0; i < rule->to.n; i++)
		if (rule->to.items[i].family == family && !rule->to.items[i].len)
			return true;
	return false;
}

static bool has_family(const struct rule *rule, __u8 family)
{
	for (size_t i = 0; i < rule->to.n; i++)
		if (rule->to.items[i].family == family)
			return true;
	return false;
}

void check_ipv6(struct checkup *c, const struct checked_iface *iface)
{
	const char *name = iface->device.name;
	const struct rule *everything = NULL;
	struct problem *p;

	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct rule *rule = &c->policy.rules[i];

		if (!checkup_takes(c, iface, i))
			continue;
		if (has_family(rule, AF_INET6))
			return;
		if (has_whole_family(rule, AF_INET) && rule->action != TPROXY_ACTION_PASS &&
		    rule->action != TPROXY_ACTION_AUDIT)
			everything = everything ? everything : rule;
	}
	if (!everything || sysctl_number("ipv6/conf/%s/forwarding", name) <= 0 ||
	    !way_leads_to_ipv6(c, iface))
		return;
	p = problem_add(&c->problems, "ipv6-leak", VERDICT_DEGRADED, name, everything->name);
	problem_text(p,
		     "it takes all of IPv4 and nothing of IPv6, which clients here have as well: "
		     "flows to servers with IPv6 addresses pass");
	problem_next(p, "tproxy-loader cidr add --rule %s ::/0; or stop forwarding IPv6",
		     everything->name);
}
