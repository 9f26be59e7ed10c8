/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a router does for forwarded flows only: a limit for the size of TCP segments (MSS clamp) in
 * forward, and network cards that forward flows by themselves. The proxy's own connections need
 * the limit as well. A limit to the MTU of the route does no harm: they have it by themselves.
 */
#include <netinet/in.h>
#include <string.h>

#include "loader/check/list.h"
#include "loader/check/tools/filters.h"

struct search {
	__u16 mss; /* the smallest fixed one; 0: none */
	const struct fw_rule *rule;
};

static void find_mss(const struct fw_visit *visit, void *arg)
{
	struct search *s = arg;

	if (!(visit->rule->effects & FW_MSS) || !visit->rule->mss ||
	    (s->mss && s->mss <= visit->rule->mss))
		return;
	s->mss = visit->rule->mss;
	s->rule = visit->rule;
}

/* The first packets of TCP connections through one device, or through two. */
static void search(const struct filtered *flows, enum fw_hook hook, const char *iif,
		   const char *oif, struct search *s)
{
	const __u8 protocol = IPPROTO_TCP, syn = 2;
	struct fw_packet packet;
	struct fw_walk walk;

	fw_packet_init(&packet, flows->packet.family);
	fw_packet_set(&packet, FW_PROTO, &protocol, sizeof(protocol));
	fw_packet_set(&packet, FW_TCPFLAGS, &syn, sizeof(syn));
	if (iif)
		fw_packet_device(&packet, FW_IIF, iif);
	if (oif)
		fw_packet_device(&packet, FW_OIF, oif);
	fw_walk_init(&walk, flows->fw, &packet);
	walk.visit = find_mss;
	walk.arg = s;
	fw_walk_hook(&walk, hook);
}

static bool is_limited(const struct search *s, __u16 mss)
{
	return s->mss && s->mss <= mss;
}

/* What comes in by the device and what leaves by it. */
static bool has_limit(const struct filtered *flows, const char *device, __u16 mss)
{
	struct search in = { 0 }, out = { 0 };

	search(flows, FW_PREROUTING, device, NULL, &in);
	search(flows, FW_INPUT, device, NULL, &in);
	search(flows, FW_OUTPUT, NULL, device, &out);
	search(flows, FW_POSTROUTING, NULL, device, &out);
	return is_limited(&in, mss) && is_limited(&out, mss);
}

static void report_limit(const struct filtered *flows, const struct search *s)
{
	char where[FW_TEXT_LEN];
	struct problem *p = filters_problem(flows, problem_add(&flows->c->problems, "mss-clamp",
							       VERDICT_DEGRADED,
							       flows->iface->device.name, NULL));

	problem_text(p,
		     "%s limits TCP segments to %u bytes, but only of forwarded connections: those "
		     "of the proxy may hang with large data",
		     fw_rule_text(flows->fw, s->rule, where), s->mss);
	problem_next(p,
		     "nft 'add table inet tproxy_mss;add chain inet tproxy_mss i {type filter hook "
		     "input priority -150;};add chain inet tproxy_mss o {type filter hook output "
		     "priority -150;};add rule inet tproxy_mss i tcp option maxseg size set %u;add "
		     "rule inet tproxy_mss o tcp option maxseg size set %u'",
		     s->mss, s->mss);
}

static void check_limit(const struct filtered *flows, void *unused)
{
	const char *name = flows->iface->device.name;
	struct search s = { 0 };
	char out[IF_NAMESIZE];

	filters_way_out(flows, out);
	if ((flows->cls != TPROXY_TCP4 && flows->cls != TPROXY_TCP6) || !*out)
		return;
	search(flows, FW_FORWARD, name, out, &s);
	search(flows, FW_FORWARD, out, name, &s);
	if (s.mss && !has_limit(flows, name, s.mss) && !has_limit(flows, out, s.mss))
		report_limit(flows, &s);
}

/* ---- network cards that forward ----------------------------------------- */

static bool has_device(const struct fw_flowtable *flowtable, const char *name)
{
	for (size_t i = 0; i < FW_DEVICES && *flowtable->devices[i]; i++)
		if (!strcmp(flowtable->devices[i], name))
			return true;
	return false;
}

static void check_flowtables(struct checkup *c, const struct checked_iface *iface,
			     const struct firewall *fw)
{
	for (size_t i = 0; i < fw->n_flowtables; i++) {
		const struct fw_flowtable *flowtable = &fw->flowtables[i];
		struct problem *p;

		if (!flowtable->hardware || !has_device(flowtable, iface->device.name))
			continue;
		p = problem_add(&c->problems, "hardware-offload", VERDICT_DEGRADED,
				iface->device.name, NULL);
		problem_text(p,
			     "flowtable %s of table %s lets the network card forward flows: we do "
			     "not see packets of flows that began before they were intercepted",
			     flowtable->name, flowtable->table);
		problem_next(p, "nft list flowtables; remove `flags offload` from %s",
			     flowtable->name);
		return;
	}
}

void check_forwarding_path(struct checkup *c, const struct checked_iface *iface)
{
	const struct firewall *fw = filters_read(c);

	filters_each(c, iface, check_limit, NULL);
	if (fw)
		check_flowtables(c, iface, fw);
}
