/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is this host the router that it should be for the flows that we do not intercept, and does the
 * kernel let in those that we do?
 */
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>

#include "kernel/routing/return_route.h"
#include "loader/check/list.h"
#include "loader/check/tools/filters.h"
#include "loader/check/tools/listening.h"
#include "loader/check/tools/sysctl.h"
#include "loader/check/tools/way.h"

/* ---- forwarding --------------------------------------------------------- */

static void report_forwarding(struct checkup *c, const char *name, int digit, const char *setting)
{
	struct problem *p =
		problem_add(&c->problems, "forwarding-off", VERDICT_DEGRADED, name, NULL);

	problem_concerns(p, digit == 4 ? PROBLEM_IPV4 : PROBLEM_IPV6);
	problem_text(p,
		     "it does not forward IPv%d: what no rule takes is dropped, also DNS and ping",
		     digit);
	problem_next(p, "sysctl -w %s=1", setting);
}

static __u8 wanted_on(struct checkup *c, const struct checked_iface *iface)
{
	__u8 wanted = 0;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (checkup_takes(c, iface, i))
			wanted |= listening_wanted(&c->policy.rules[i]);
	return wanted;
}

static void check_forwarding(struct checkup *c, const struct checked_iface *iface)
{
	const char *name = iface->device.name;
	const __u8 wanted = wanted_on(c, iface);
	char setting[128] = "net/ipv4/ip_forward";

	if (wanted & PROBLEM_IPV4 && !sysctl_number("ipv4/conf/%s/forwarding", name)) {
		if (sysctl_number("ipv4/ip_forward"))
			snprintf(setting, sizeof(setting), "net/ipv4/conf/%s/forwarding", name);
		report_forwarding(c, name, 4, setting);
	}
	if (wanted & PROBLEM_IPV6 && way_leads_to_ipv6(c, iface) &&
	    !sysctl_number("ipv6/conf/%s/forwarding", name))
		report_forwarding(c, name, 6, "net/ipv6/conf/all/forwarding");
}

/* ---- one arm ------------------------------------------------------------ */

/* The kernel sends them for packets that it forwards if either is set (IN_DEV_TX_REDIRECTS). */
static void check_redirects4(struct checkup *c, const struct checked_iface *iface)
{
	const char *name = iface->device.name;
	struct problem *p;

	if (sysctl_number("ipv4/conf/%s/forwarding", name) <= 0 ||
	    (sysctl_number("ipv4/conf/all/send_redirects") <= 0 &&
	     sysctl_number("ipv4/conf/%s/send_redirects", name) <= 0))
		return;
	p = problem_add(&c->problems, "icmp-redirects", VERDICT_DEGRADED, name, NULL);
	problem_concerns(p, PROBLEM_IPV4);
	problem_text(p,
		     "clients and servers are on the same side, so this host tells clients by ICMP "
		     "redirects to go past it: they do so for all flows to that server");
	problem_next(p,
		     "sysctl -w net/ipv4/conf/all/send_redirects=0 "
		     "net/ipv4/conf/%s/send_redirects=0",
		     name);
}

/* There is no setting for it: only a packet filter stops them. */
static bool drops_redirects6(struct checkup *c, const struct checked_iface *iface)
{
	const struct firewall *fw = filters_read(c);
	const __u8 protocol = IPPROTO_ICMPV6;
	const __be16 type = htons(ND_REDIRECT << 8); /* where the source port would be */
	struct fw_packet packet;
	struct fw_walk walk;

	if (!fw)
		return false;
	fw_packet_init(&packet, AF_INET6);
	fw_packet_set(&packet, FW_PROTO, &protocol, sizeof(protocol));
	fw_packet_set(&packet, FW_SPORT, &type, sizeof(type));
	fw_packet_device(&packet, FW_OIF, iface->device.name);
	fw_walk_init(&walk, fw, &packet);
	fw_walk_hook(&walk, FW_OUTPUT);
	return walk.dropped != FW_NEVER;
}

static void check_redirects6(struct checkup *c, const struct checked_iface *iface)
{
	const char *name = iface->device.name;
	char oif[FILTERS_IIF_LEN];
	struct problem *p;

	if (sysctl_number("ipv6/conf/%s/forwarding", name) <= 0 || drops_redirects6(c, iface))
		return;
	p = problem_add(&c->problems, "icmp-redirects", VERDICT_DEGRADED, name, NULL);
	problem_concerns(p, PROBLEM_IPV6);
	problem_text(p, "clients and servers are on the same side, so this host tells clients by "
			"ICMPv6 redirects to go past it: they do so for all flows to that server");
	problem_next(p,
		     "nft 'add table ip6 tproxy_redirect;add chain ip6 tproxy_redirect o {type "
		     "filter hook output priority 0;};add rule ip6 tproxy_redirect o %s "
		     "icmpv6 type nd-redirect drop'",
		     filters_iif("oif", name, oif));
}

/* IPv6 redirects name link-local routers only (ndisc_send_redirect). */
static bool may_redirect(const struct return_route *route)
{
	return route->hop_family == AF_INET || IN6_IS_ADDR_LINKLOCAL((const void *)route->hop);
}

static void note_way(const struct filtered *flows, void *arg)
{
	bool *one_arm = arg;
	struct return_route route;

	if (filters_way(flows, &route) && route.ifindex == flows->iface->device.ifindex &&
	    may_redirect(&route))
		one_arm[flows->packet.family == AF_INET6] = true;
}

static void check_one_arm(struct checkup *c, const struct checked_iface *iface)
{
	bool one_arm[2] = { false, false };

	filters_each(c, iface, note_way, one_arm);
	if (one_arm[0])
		check_redirects4(c, iface);
	if (one_arm[1])
		check_redirects6(c, iface);
}

/* ---- reverse path filter ------------------------------------------------ */

static bool is_strict(const char *name)
{
	const long all = sysctl_number("ipv4/conf/all/rp_filter");
	const long own = sysctl_number("ipv4/conf/%s/rp_filter", name);

	return (all > own ? all : own) == 1;
}

/* A network whose hosts are answered by another interface, which is not attached; NULL: none. */
static const struct prefix *find_asymmetric(struct checkup *c, const struct checked_iface *iface,
					    const struct rule *rule)
{
	const struct prefix *found = NULL;

	for (size_t i = 0; i < rule->from.n && i < FILTERS_MAX_RANGES; i++) {
		const struct prefix *prefix = &rule->from.items[i];
		int way;

		if (prefix->family != AF_INET)
			continue;
		way = way_to(c, iface, AF_INET, prefix->addr);
		if (!prefix->len || way == iface->device.ifindex)
			return NULL;
		found = way ? prefix : found;
	}
	return found;
}

static void check_reverse_path(struct checkup *c, const struct checked_iface *iface)
{
	const char *name = iface->device.name;
	char network[PREFIX_TEXT_LEN];

	if (!is_strict(name) || device_vrf(&iface->device))
		return;
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct rule *rule = &c->policy.rules[i];
		const struct prefix *prefix;
		struct problem *p;

		if (!rule_is_proxy(rule) || !checkup_takes(c, iface, i) || c->n > 1)
			continue;
		prefix = find_asymmetric(c, iface, rule);
		if (!prefix)
			continue;
		p = problem_add(&c->problems, "rp-filter", VERDICT_DEGRADED, name, rule->name);
		problem_concerns(p, PROBLEM_IPV4);
		problem_text(p,
			     "the route back to %s, where its clients are, leaves by another "
			     "interface, and rp_filter is strict: the kernel drops their packets",
			     prefix_format(prefix, network));
		problem_next(p, "sysctl -w net/ipv4/conf/%s/rp_filter=2; or add a route back by %s",
			     name, name);
	}
}

void check_router(struct checkup *c, const struct checked_iface *iface)
{
	if (!(iface->iface.value.roles & TPROXY_ROLE_POLICY))
		return;
	check_forwarding(c, iface);
	check_one_arm(c, iface);
	check_reverse_path(c, iface);
}
