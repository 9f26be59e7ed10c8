/* SPDX-License-Identifier: BSD-2-Clause */
/* What packet filters do to intercepted flows and to their answers. */
#include <arpa/inet.h>
#include <string.h>

#include "lib/addrset.h"
#include "loader/check/list.h"
#include "loader/check/tools/filters.h"

/* ---- input -------------------------------------------------------------- */

/* What is dropped only in part may be meant so: a list of banned addresses, a limit. */
static void check_input(const struct filtered *flows, void *unused)
{
	char where[FILTERS_DROP_LEN], cure[FILTERS_COMMAND_LEN];
	struct fw_walk walk;
	struct problem *p;

	filters_arrive(&walk, flows);
	if (walk.dropped != FW_ALL)
		return;
	p = filters_problem(flows, problem_add(&flows->c->problems, "input-filter", VERDICT_BROKEN,
					       flows->iface->device.name, flows->rule->name));
	problem_text(p, "%s drops intercepted packets, which arrive here for addresses of servers",
		     filters_drop_text(&walk, where));
	if (filters_accept(flows->c, walk.chain, cure))
		problem_next(p, "%s; with ufw and firewalld also in their own rules", cure);
	else
		problem_next(p, "nft -a list ruleset; accept packets with mark 0x%x there",
			     flows->c->session->state.config.mark);
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

/* ---- nat ---------------------------------------------------------------- */

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

static void find_rewriting(const struct fw_visit *visit, void *arg)
{
	const struct rewriting *r = arg;
	const struct filtered *flows = r->flows;
	const bool all = visit->match == FW_ALL;
	char where[FW_TEXT_LEN], cure[FW_TEXT_LEN];
	struct problem *p;

	if (!(visit->rule->effects & FW_DNAT) || is_for_host(r, visit->rule))
		return;
	p = filters_problem(flows, problem_add(&flows->c->problems, "rewritten",
					       all ? VERDICT_BROKEN : VERDICT_DEGRADED,
					       flows->iface->device.name, flows->rule->name));
	problem_text(p,
		     "%s rewrites the destination of %s intercepted flows%s: the proxy connects to "
		     "the wrong address",
		     fw_rule_text(flows->fw, visit->rule, where), all ? "all" : "some",
		     visit->rule->effects & FW_REDIRECT ? " (REDIRECT)" : "");
	if (fw_rule_delete_text(flows->fw, visit->rule, cure))
		problem_next(p, "%s; or let it skip mark 0x%x", cure,
			     flows->c->session->state.config.mark);
	else
		problem_next(p, "let that rule skip mark 0x%x",
			     flows->c->session->state.config.mark);
}

static void check_nat(const struct filtered *flows, void *own)
{
	struct rewriting r = { flows, own };
	struct fw_walk walk;

	fw_walk_init(&walk, flows->fw, &flows->packet);
	walk.visit = find_rewriting;
	walk.arg = &r;
	fw_walk_hook(&walk, FW_PREROUTING);
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
