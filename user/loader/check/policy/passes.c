/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do clients get past a rule by the other protocol of the same port? QUIC instead of HTTPS, DNS over
 * TCP instead of UDP. That is a problem where a rule refuses; where it takes flows for a proxy, it
 * may be meant so, and is only told.
 */
#include <netinet/in.h>

#include "loader/check/list.h"
#include "policy/cover.h"

struct evasion {
	const char *id, *name;
	__u16 port;
	__u8 named, other; /* protocols: of the rule, and of the way past it */
	const char *text, *next;
};

static bool covers(const struct rule *rule, __u8 protocol, __u16 port)
{
	for (size_t i = 0; i < rule->services.n; i++)
		if (service_covers(&rule->services.items[i], protocol, port))
			return true;
	return false;
}

static bool refuses(const struct rule *rule)
{
	return rule->action == TPROXY_ACTION_DROP || rule->action == TPROXY_ACTION_RESET;
}

/* What audit watches is forwarded, as what passes. */
static bool stops(const struct rule *rule)
{
	return rule->action == TPROXY_ACTION_PROXY || refuses(rule);
}

/* Does no rule stop the other protocol of these clients? */
static bool passes(const struct checkup *c, const struct checked_iface *iface,
		   const struct evasion *e, const struct rule *of)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct rule *rule = &c->policy.rules[i];

		if (checkup_takes(c, iface, i) && stops(rule) && covers(rule, e->other, e->port) &&
		    prefix_set_covers(&rule->from, &of->from))
			return false;
	}
	return true;
}

static void report(struct checkup *c, const struct checked_iface *iface, const struct evasion *e,
		   const struct rule *rule)
{
	struct problem *p =
		problem_add(&c->problems, e->id, VERDICT_DEGRADED, iface->device.name, rule->name);

	problem_text(p, "%s", e->text);
	problem_next(p, "tproxy-loader port add --rule %s %s", rule->name, e->next);
}

static void look(struct checkup *c, const struct checked_iface *iface, const struct evasion *e)
{
	bool told = false;

	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct rule *rule = &c->policy.rules[i];

		if (!checkup_takes(c, iface, i) || !stops(rule) ||
		    !covers(rule, e->named, e->port) || !passes(c, iface, e, rule))
			continue;
		if (refuses(rule)) {
			report(c, iface, e, rule);
			return;
		}
		if (!told)
			checkup_evidence(c, "%s: %s passes", iface->device.name, e->name);
		told = true;
	}
}

/* A browser that can reach UDP port 443 does not use TCP there for long. */
void check_quic(struct checkup *c, const struct checked_iface *iface)
{
	static const struct evasion quic = {
		.id = "quic-passes",
		.name = "QUIC (UDP port 443)",
		.port = 443,
		.named = IPPROTO_TCP,
		.other = IPPROTO_UDP,
		.text = "it refuses TCP port 443, but QUIC, which browsers use there, passes",
		.next = "udp/443",
	};

	look(c, iface, &quic);
}

void check_dns(struct checkup *c, const struct checked_iface *iface)
{
	static const struct evasion dns = {
		.id = "dns-tcp-passes",
		.name = "DNS over TCP (port 53)",
		.port = 53,
		.named = IPPROTO_UDP,
		.other = IPPROTO_TCP,
		.text = "it refuses UDP port 53, but DNS over TCP, which clients can use, passes",
		.next = "tcp/53",
	};

	look(c, iface, &dns);
}
