/* SPDX-License-Identifier: BSD-2-Clause */
/* What packet filters do to intercepted flows, or no longer do, because nothing is forwarded. */
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

/* ---- forward ------------------------------------------------------------ */

struct networks {
	struct fw_range ranges[FILTERS_MAX_RANGES];
	size_t n;
};

static int add_network(const struct address *address, void *arg)
{
	struct networks *networks = arg;
	struct prefix prefix = { .family = address->family, .len = address->len };
	struct fw_range *range = &networks->ranges[networks->n];

	if (networks->n == FILTERS_MAX_RANGES)
		return 1;
	memcpy(prefix.addr, address->addr, sizeof(prefix.addr));
	prefix_shorten(&prefix, prefix.len);
	*range = (struct fw_range){ 0 };
	memcpy(range->lo, prefix.addr, sizeof(range->lo));
	memcpy(range->hi, prefix.addr, sizeof(range->hi));
	for (size_t i = prefix.len; i < (prefix.family == AF_INET ? 32 : 128); i++)
		range->hi[i / 8] |= (__u8)(0x80 >> i % 8);
	networks->n++;
	return 0;
}

/* Clients of a rule for everybody are those of the networks that the interface is in. */
static void assume_clients(const struct filtered *flows, struct fw_packet *packet,
			   struct networks *networks)
{
	if (packet->fields[FW_SADDR].ranges)
		return;
	device_addresses_of(&flows->c->session->nl, packet->family, flows->iface->device.ifindex,
			    add_network, networks);
	if (networks->n)
		fw_packet_ranges(packet, FW_SADDR, networks->ranges, networks->n);
}

/*
 * Servers of a rule for all destinations. The addresses left out hold an IPv4 address: many firewalls
 * refuse these, and no host has them any more (RFC 4291 2.5.5.1, RFC 7526).
 */
static void assume_servers(struct fw_packet *packet)
{
	static const struct fw_range servers[] = {
		{ .lo = { [7] = 1 },
		  .hi = { 0x20, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			  0xff, 0xff, 0xff, 0xff } },
		{ .lo = { 0x20, 0x03 },
		  .hi = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			  0xff, 0xff, 0xff, 0xff } },
	};

	if (packet->family == AF_INET6 && !packet->fields[FW_DADDR].ranges)
		fw_packet_ranges(packet, FW_DADDR, servers, ARRAY_SIZE(servers));
}

static void report_skipped(const struct filtered *flows, const struct fw_walk *walk)
{
	char where[FILTERS_DROP_LEN], cure[FW_TEXT_LEN];
	struct problem *p = filters_problem(
		flows, problem_add(&flows->c->problems, "forward-skipped", VERDICT_DEGRADED,
				   flows->iface->device.name, flows->rule->name));

	problem_text(p,
		     "%s dropped %s of these flows before: intercepted flows are not forwarded, so "
		     "it no longer applies",
		     filters_drop_text(walk, where), walk->dropped == FW_ALL ? "all" : "some");
	if (walk->rule && fw_rule_delete_text(flows->fw, walk->rule, cure))
		problem_next(p, "%s; after you made it a rule of the policy (action = drop)", cure);
	else
		problem_next(p, "%s; make what it allows the rule's own `from`, `to` and ports",
			     fw_list_text(walk->chain, cure));
}

static void check_forward(const struct filtered *flows, void *unused)
{
	struct networks networks = { .n = 0 };
	struct fw_packet packet = flows->packet;
	char out[IF_NAMESIZE];
	struct fw_walk walk;

	filters_way_out(flows, out);
	if (!*out)
		return; /* nothing is forwarded there */
	fw_packet_bits(&packet, FW_MARK, 0, ~0u);
	packet.fields[FW_TRANSPARENT] = (struct fw_known){ .ranges = NULL };
	fw_packet_device(&packet, FW_OIF, out);
	assume_clients(flows, &packet, &networks);
	assume_servers(&packet);
	fw_walk_init(&walk, flows->fw, &packet);
	fw_walk_hook(&walk, FW_FORWARD);
	if (walk.dropped != FW_NEVER)
		report_skipped(flows, &walk);
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

void check_skipped(struct checkup *c, const struct checked_iface *iface)
{
	filters_each(c, iface, check_forward, NULL);
}
