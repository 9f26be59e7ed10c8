/* SPDX-License-Identifier: BSD-2-Clause */
/* Does our mark stay on packets until they are routed, and does nobody else set it? */
#include <linux/rtnetlink.h>
#include <string.h>

#include "kernel/routing/route.h"
#include "loader/check/list.h"
#include "loader/check/tools/filters.h"

/* ---- rules that take it away -------------------------------------------- */

struct loss {
	__u32 mark;
	const struct fw_rule *rule; /* that took it away from some packets, unless it came back */
};

static bool is_certain(const struct fw_packet *packet, __u32 mark)
{
	return (fw_known_bits(packet, FW_MARK) & mark) == mark &&
	       (fw_known_value(packet, FW_MARK) & mark) == mark;
}

static void watch_mark(const struct fw_visit *visit, void *arg)
{
	struct loss *loss = arg;

	if (is_certain(visit->after, loss->mark))
		loss->rule = NULL;
	else if (!loss->rule)
		loss->rule = visit->rule;
}

static void report_loss(const struct filtered *flows, const struct fw_packet *routed,
			const struct fw_rule *rule)
{
	const __u32 mark = flows->c->session->state.config.mark;
	const bool all = (fw_known_bits(routed, FW_MARK) & mark) == mark;
	const char *name = flows->iface->device.name;
	char where[FW_TEXT_LEN], does[FW_TEXT_LEN], rescue[FILTERS_COMMAND_LEN];
	struct problem *p = filters_problem(
		flows, problem_add(&flows->c->problems, "mark-overwritten",
				   all ? VERDICT_BROKEN : VERDICT_DEGRADED, name, NULL));

	problem_text(p,
		     "%s takes the packet mark away from %s intercepted packets (%s): they do not "
		     "reach the proxy",
		     fw_rule_text(flows->fw, rule, where), all ? "all" : "some",
		     fw_mark_text(&rule->mark, does));
	problem_next(p, "%s", filters_rescue(flows->c, name, rescue));
}

static void route(struct fw_walk *walk, const struct filtered *flows,
		  const struct fw_packet *packet, struct loss *loss)
{
	fw_walk_init(walk, flows->fw, packet);
	walk->visit = watch_mark;
	walk->arg = loss;
	fw_walk_hook(walk, FW_INGRESS);
	fw_walk_hook(walk, FW_PREROUTING);
}

/* Does any chain after routing write the mark of connections? Then later packets may find any. */
static bool writes_ctmark_later(const struct firewall *fw)
{
	for (size_t i = 0; i < fw->n_rules; i++) {
		const struct fw_chain *chain = &fw->chains[fw->rules[i].chain];

		if (fw->rules[i].effects & FW_SETS_CTMARK && chain->hook != FW_PREROUTING &&
		    chain->hook != FW_INGRESS)
			return true;
	}
	return false;
}

static void check_flows(const struct filtered *flows, void *unused)
{
	struct loss loss = { .mark = flows->c->session->state.config.mark };
	struct fw_packet later = flows->packet;
	struct fw_walk walk;

	route(&walk, flows, &flows->packet, &loss);
	if (!loss.rule) {
		later.fields[FW_CTMARK] = walk.packet.fields[FW_CTMARK];
		if (writes_ctmark_later(flows->fw))
			fw_packet_bits(&later, FW_CTMARK, 0, 0);
		later.fields[FW_TCPFLAGS] = (struct fw_known){ .ranges = NULL };
		fw_packet_bits(&later, FW_CTSTATE, FW_STATE_ESTABLISHED, ~0u);
		route(&walk, flows, &later, &loss);
	}
	if (loss.rule)
		report_loss(flows, &walk.packet, loss.rule);
}

/* ---- others that use it ------------------------------------------------- */

struct user {
	__u32 mark;
	const struct fw_rule *rule;
};

static void watch_others(const struct fw_visit *visit, void *arg)
{
	const __u32 known = fw_known_bits(visit->after, FW_MARK);
	struct user *user = arg;

	if (!(visit->rule->effects & FW_SETS_MARK) || user->rule)
		return;
	if (known & user->mark ? fw_known_value(visit->after, FW_MARK) & user->mark :
				 visit->rule->mark.xor &user->mark)
		user->rule = visit->rule;
}

/* Packets that we leave alone have no mark, and must not get ours. */
static void check_others(struct checkup *c, const struct checked_iface *iface,
			 const struct firewall *fw, __u8 family)
{
	struct user user = { .mark = c->session->state.config.mark };
	char where[FW_TEXT_LEN], cure[FW_TEXT_LEN];
	struct fw_packet packet;
	struct fw_walk walk;
	const __u8 no = 0;
	struct problem *p;

	fw_packet_init(&packet, family);
	fw_packet_set(&packet, FW_TRANSPARENT, &no, sizeof(no));
	fw_packet_bits(&packet, FW_MARK, 0, ~0u);
	fw_packet_bits(&packet, FW_CTMARK, 0, ~0u);
	fw_packet_device(&packet, FW_IIF, iface->device.name);
	fw_walk_init(&walk, fw, &packet);
	walk.visit = watch_others;
	walk.arg = &user;
	fw_walk_hook(&walk, FW_INGRESS);
	fw_walk_hook(&walk, FW_PREROUTING);
	if (!user.rule)
		return;
	p = problem_add(&c->problems, "mark-collision", VERDICT_BROKEN, iface->device.name, NULL);
	problem_text(
		p,
		"%s sets our mark 0x%x on packets that we leave alone: they are delivered here "
		"instead of forwarded",
		fw_rule_text(fw, user.rule, where), user.mark);
	if (fw_rule_delete_text(fw, user.rule, cure))
		problem_next(p, "%s; or attach with another --mark", cure);
	else
		problem_next(p, "let that rule leave 0x%x alone, or attach with another --mark",
			     user.mark);
}

void check_marks(struct checkup *c, const struct checked_iface *iface)
{
	const struct firewall *fw = filters_read(c);

	if (!fw)
		return;
	filters_each(c, iface, check_flows, NULL);
	for (size_t i = 0; i < ROUTE_FAMILIES; i++) {
		const size_t before = c->problems.n;

		check_others(c, iface, fw, route_families[i]);
		if (c->problems.n > before)
			return;
	}
}

/* ---- routing rules of others -------------------------------------------- */

struct sharing {
	struct checkup *c;
	__u32 bits;
};

static int check_rule(const struct route_rule *rule, void *arg)
{
	const struct sharing *sharing = arg;
	char text[RULE_TEXT_LEN];
	struct problem *p;

	if (rule_is_tproxys(rule) || !(rule->mark & sharing->bits))
		return 0;
	p = problem_add(&sharing->c->problems, "mark-collision", VERDICT_DEGRADED, NULL, NULL);
	problem_text(p,
		     "the IPv%c rule \"%s\" matches our mark 0x%x: somebody else uses the same bit",
		     route_family_digit(rule->family), rule_text(rule, text), sharing->bits);
	problem_next(p, "ip -%c rule del pref %u; or attach with another --mark",
		     route_family_digit(rule->family), rule->pref);
	return 1;
}

void check_mark_users(struct checkup *c)
{
	struct sharing sharing = { c, c->session->state.config.mask };

	for (size_t i = 0; i < ROUTE_FAMILIES; i++)
		if (route_family_present(route_families[i]) &&
		    route_rules(&c->session->nl, route_families[i], check_rule, &sharing) > 0)
			return;
}
