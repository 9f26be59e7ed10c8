/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does the kernel take the sources of intercepted packets for addresses of this host? With
 * src_valid_mark it looks up the way back with the mark of the packet, as if this host sent it. Our
 * rule names the interface and so does not match there. One without it, as other tools make it,
 * leads to the local route, and the kernel drops the packet.
 */
#include <sys/socket.h>

#include "kernel/routing/return_route.h"
#include "kernel/routing/rules.h"
#include "loader/check/list.h"
#include "loader/check/tools/neighbourhood.h"
#include "loader/check/tools/sysctl.h"

/* The kernel asks both (IN_DEV_SRC_VMARK). */
static bool looks_up_by_mark(const char *name)
{
	return sysctl_number("ipv4/conf/all/src_valid_mark") > 0 ||
	       sysctl_number("ipv4/conf/%s/src_valid_mark", name) > 0;
}

static bool seems_own(struct checkup *c, const struct checked_iface *iface)
{
	struct return_route_query query = { .family = AF_INET,
					    .mark = c->session->state.config.mark };
	struct return_route route;
	struct endpoint client;

	if (neighbourhood_client(&c->session->nl, iface->device.ifindex, AF_INET, &client))
		return false;
	query.addr = client.addr;
	return !return_route_find(&c->session->nl, &query, &route) && route.own;
}

/* The first rule that takes marked packets which this host seems to send. */
static const struct route_rule *find_rule(const struct checkup *c, const struct rule_list *rules)
{
	const struct tproxy_config *config = &c->session->state.config;
	const struct rule_packet sent = { .family = AF_INET,
					  .mark = config->mark,
					  .mask = config->mask,
					  .table = config->table,
					  .iif = "lo" };

	for (size_t i = 0; i < rules->n; i++)
		if (rules->items[i].mask & config->mask &&
		    rule_matches(&rules->items[i], &sent) != RULE_NEVER)
			return &rules->items[i];
	return NULL;
}

static void report(struct checkup *c, const struct checked_iface *iface)
{
	struct problem *p = problem_add(&c->problems, "src-valid-mark", VERDICT_BROKEN,
					iface->device.name, NULL);
	struct rule_list rules __cleanup_rules = { 0 };
	const struct route_rule *rule =
		rules_read(&c->session->nl, AF_INET, &rules) ? NULL : find_rule(c, &rules);
	char text[RULE_TEXT_LEN];

	problem_concerns(p, PROBLEM_IPV4);
	problem_text(p,
		     "src_valid_mark is 1 and the IPv4 rule \"%s\" names no interface: sources of "
		     "intercepted packets count as addresses of this host, and the kernel drops "
		     "them",
		     rule ? rule_text(rule, text) : "?");
	if (rule)
		problem_next(p, "ip -4 rule del pref %u; ours names the interface and is enough",
			     rule->pref);
	else
		problem_next(p,
			     "sysctl -w net/ipv4/conf/all/src_valid_mark=0 "
			     "net/ipv4/conf/%s/src_valid_mark=0",
			     iface->device.name);
}

/* In a VRF the look-up is one of the VRF, where such rules have no part. */
void check_source(struct checkup *c, const struct checked_iface *iface)
{
	if (!(iface->iface.value.roles & TPROXY_ROLE_POLICY) || device_vrf(&iface->device) ||
	    !looks_up_by_mark(iface->device.name))
		return;
	if (seems_own(c, iface))
		report(c, iface);
	else
		checkup_evidence(c, "%s: src_valid_mark does no harm", iface->device.name);
}
