/* SPDX-License-Identifier: BSD-2-Clause */
/* What packet filters do to intercepted flows and to their answers. */
#include <arpa/inet.h>
#include <string.h>

#include "lib/addrset.h"
#include "loader/check/list.h"
#include "loader/check/tools/filters.h"

/* Once for each check. What is dropped before that rule is sure. */
static void note_unsure(const struct filtered *flows, const struct fw_walk *walk)
{
	if (walk->unsure && walk->dropped != FW_ALL && !flows->c->unchecked)
		checkup_unchecked(flows->c, "a rule of packet filters decides by what cannot be "
					    "known, such as NFQUEUE");
}

/* ---- input -------------------------------------------------------------- */

/* What part of the flows a filter drops, of which all are lost. */
struct lost_part {
	const struct fw_range *port; /* NULL: every port */
	bool later;                  /* not the first packet, but those after it */
};

/* " to port 443 after the first of a connection" */
static char *part_text(const struct lost_part *part, char *buf, size_t size)
{
	char port[32] = "";

	if (part->port && !memcmp(part->port->lo, part->port->hi, sizeof(part->port->lo)))
		snprintf(port, sizeof(port), " to port %u",
			 part->port->lo[0] << 8 | part->port->lo[1]);
	else if (part->port)
		snprintf(port, sizeof(port), " to ports %u-%u",
			 part->port->lo[0] << 8 | part->port->lo[1],
			 part->port->hi[0] << 8 | part->port->hi[1]);
	snprintf(buf, size, "%s%s", port, part->later ? " after the first of a connection" : "");
	return buf;
}

static void report_input(const struct filtered *flows, const struct fw_walk *walk,
			 const struct lost_part *part)
{
	char where[FILTERS_DROP_LEN], cure[FILTERS_COMMAND_LEN], which[96];
	struct problem *p = filters_problem(
		flows, problem_add(&flows->c->problems, "input-filter", VERDICT_BROKEN,
				   flows->iface->device.name, flows->rule->name));

	problem_text(p,
		     "%s drops intercepted packets%s, which arrive here for addresses of servers",
		     filters_drop_text(walk, where), part_text(part, which, sizeof(which)));
	if (filters_accept(flows->c, walk->chain, cure))
		problem_next(p, "%s; with ufw and firewalld also in their own rules", cure);
	else
		problem_next(p, "nft -a list ruleset; accept packets with mark 0x%x there",
			     flows->c->session->state.config.mark);
}

/* True, and a problem, if all of them are dropped. */
static bool is_lost(const struct filtered *flows, const struct lost_part *part)
{
	struct filtered some = *flows;
	struct fw_walk walk;

	if (part->port)
		fw_packet_ranges(&some.packet, FW_DPORT, part->port, 1);
	if (part->later) {
		some.packet.fields[FW_TCPFLAGS] = (struct fw_known){ .ranges = NULL };
		fw_packet_bits(&some.packet, FW_CTSTATE, FW_STATE_ESTABLISHED, ~0u);
		fw_packet_bits(&some.packet, FW_CTMARK, 0, 0);
	}
	filters_arrive(&walk, &some);
	note_unsure(flows, &walk);
	if (walk.dropped == FW_ALL)
		report_input(flows, &walk, part);
	return walk.dropped == FW_ALL;
}

/*
 * What is dropped only in part may be meant so: a list of banned addresses, a limit. But each port
 * that the rule names is there to be used.
 */
static void check_input(const struct filtered *flows, void *unused)
{
	const struct fw_known *ports = &flows->packet.fields[FW_DPORT];

	for (int later = 0; later <= 1; later++) {
		if (is_lost(flows, &(struct lost_part){ NULL, later }))
			return;
		for (size_t i = 0; ports->ranges && ports->n > 1 && i < ports->n; i++)
			if (is_lost(flows, &(struct lost_part){ &ports->ranges[i], later }))
				return;
	}
}

/* ---- output ------------------------------------------------------------- */

/* In a VRF an answer leaves by the VRF first: what rules say of the device is not sure. */
static void check_output(const struct filtered *flows, void *unused)
{
	const char *name = flows->iface->device.name;
	char where[FILTERS_DROP_LEN], cure[FILTERS_COMMAND_LEN];
	struct fw_walk walk;
	struct problem *p;

	filters_answer(&walk, flows);
	note_unsure(flows, &walk);
	if (walk.dropped != FW_ALL || device_vrf(&flows->iface->device))
		return;
	p = filters_problem(flows, problem_add(&flows->c->problems, "output-filter", VERDICT_BROKEN,
					       name, flows->rule->name));
	problem_text(p, "%s drops answers to clients, which leave here with addresses of servers",
		     filters_drop_text(&walk, where));
	if (filters_accept_answers(name, walk.chain, cure))
		problem_next(p, "%s; with ufw and firewalld also in their own rules", cure);
	else
		problem_next(p, "nft -a list ruleset; accept established connections there");
}

/* ---- nat, and TPROXY of others ------------------------------------------ */

struct rewriting {
	const struct filtered *flows;
	const struct addrset *own;
};

/* We leave alone what is for this host itself. */
static bool is_own(const struct rewriting *r, const struct fw_range *range)
{
	struct addrset_key key;

	if (memcmp(range->lo, range->hi, sizeof(range->lo)))
		return false;
	addrset_key(r->flows->packet.family, range->lo, &key);
	return addrset_has(r->own, &key);
}

static bool is_for_host(const struct rewriting *r, const struct fw_rule *rule)
{
	const struct firewall *fw = r->flows->fw;

	for (__u32 i = 0; i < rule->n; i++) {
		const struct fw_cond *cond = &fw->conds[rule->first + i];
		bool own = cond->field == FW_DADDR && !cond->invert && cond->n;

		for (__u32 j = 0; j < cond->n && own; j++)
			own = is_own(r, &fw->ranges[cond->first + j]);
		if (own)
			return true;
	}
	return false;
}

static void next_is_delete(const struct filtered *flows, struct problem *p,
			   const struct fw_rule *rule)
{
	const __u32 mark = flows->c->session->state.config.mark;
	char cure[FW_TEXT_LEN];

	if (fw_rule_delete_text(flows->fw, rule, cure))
		problem_next(p, "%s; or let it skip mark 0x%x", cure, mark);
	else
		problem_next(p, "let that rule skip mark 0x%x", mark);
}

static void find_rewriting(const struct fw_visit *visit, void *arg)
{
	const struct rewriting *r = arg;
	const struct filtered *flows = r->flows;
	const bool all = visit->match == FW_ALL, tproxy = visit->rule->effects & FW_TPROXY;
	char where[FW_TEXT_LEN];
	struct problem *p;

	if (!(visit->rule->effects & (FW_DNAT | FW_TPROXY)) || is_for_host(r, visit->rule))
		return;
	p = filters_problem(flows,
			    problem_add(&flows->c->problems, tproxy ? "other-tproxy" : "rewritten",
					all ? VERDICT_BROKEN : VERDICT_DEGRADED,
					flows->iface->device.name, flows->rule->name));
	fw_rule_text(flows->fw, visit->rule, where);
	if (tproxy)
		problem_text(
			p, "%s takes %s intercepted flows from us, for a proxy of its own (TPROXY)",
			where, all ? "all" : "some");
	else
		problem_text(p,
			     "%s rewrites the destination of %s intercepted flows%s: the proxy "
			     "connects to the wrong address",
			     where, all ? "all" : "some",
			     visit->rule->effects & FW_REDIRECT ? " (REDIRECT)" : "");
	next_is_delete(flows, p, visit->rule);
}

static void follow_rewriting(const struct filtered *flows, struct rewriting *r,
			     const struct fw_range *port)
{
	struct fw_walk walk;

	fw_walk_init(&walk, flows->fw, &flows->packet);
	if (port)
		fw_packet_ranges(&walk.packet, FW_DPORT, port, 1);
	walk.visit = find_rewriting;
	walk.arg = r;
	fw_walk_hook(&walk, FW_PREROUTING);
}

/* All flows to one port are not only some. */
static void check_nat(const struct filtered *flows, void *own)
{
	const struct fw_known *ports = &flows->packet.fields[FW_DPORT];
	struct rewriting r = { flows, own };

	if (!ports->ranges)
		follow_rewriting(flows, &r, NULL);
	for (size_t i = 0; ports->ranges && i < ports->n; i++)
		follow_rewriting(flows, &r, &ports->ranges[i]);
}

/* ---- all ---------------------------------------------------------------- */

void check_filters(struct checkup *c, const struct checked_iface *iface)
{
	struct addrset own = { 0 };

	filters_each(c, iface, check_input, NULL);
	filters_each(c, iface, check_output, NULL);
	if (!addrset_read(&own, &c->session->nl))
		filters_each(c, iface, check_nat, &own);
	addrset_free(&own);
}
