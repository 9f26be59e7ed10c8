/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What packet filters do to own traffic that a proxy gets. Such a packet leaves by lo, with our bit
 * in its mark or for a token address, and comes in by lo for the real destination, without the bit.
 * The answer goes the same way back, from the address of the server.
 */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>

#include "kernel/routing/route.h"
#include "lib/addrset.h"
#include "lib/mapped.h"
#include "loader/check/list.h"
#include "loader/check/own/checked.h"
#include "loader/check/tools/filters.h"
#include "loader/check/tools/listening.h"

/* One packet on its way. */
struct passage {
	const struct filtered *flows;
	const struct own_checked *view;
	const char *what; /* "the first packets of own traffic" */
	bool token;       /* a datagram to a token address */
	bool later;       /* not the first of a connection */
};

/* ---- problems ----------------------------------------------------------- */

static const char *const families[] = {
	[NFPROTO_INET] = "inet",
	[NFPROTO_IPV4] = "ip",
	[NFPROTO_NETDEV] = "netdev",
	[NFPROTO_IPV6] = "ip6",
};

static void next_is_accept(struct problem *p, const struct fw_chain *chain)
{
	const bool out = chain->hook == FW_OUTPUT || chain->hook == FW_POSTROUTING;
	const bool v6 = chain->family == NFPROTO_IPV6;

	if (chain->odd)
		problem_next(p, "nft -a list ruleset; accept packets of lo there");
	else if (chain->legacy)
		problem_next(
			p,
			"%s-legacy -t %s -I %s %s lo -j ACCEPT; with ufw and firewalld also in "
			"their own rules",
			v6 ? "ip6tables" : "iptables", chain->table, chain->name,
			out ? "-o" : "-i");
	else
		problem_next(p,
			     "nft 'insert rule %s %s %s %s lo accept'; with ufw and firewalld also "
			     "in their own rules",
			     families[chain->family], chain->table, chain->name,
			     out ? "oifname" : "iifname");
}

static void report_drop(const struct passage *way, const struct fw_walk *walk)
{
	const struct filtered *flows = way->flows;
	char where[FILTERS_DROP_LEN];
	struct problem *p =
		filters_problem(flows, problem_add(&flows->c->problems, "own-filtered",
						   VERDICT_BROKEN, "lo", flows->rule->name));

	problem_text(p, "%s drops %s on lo: programs of this host get no answer",
		     filters_drop_text(walk, where), way->what);
	next_is_accept(p, walk->chain);
}

static void next_is_delete(const struct passage *way, struct problem *p, const struct fw_rule *rule)
{
	char cure[FW_TEXT_LEN];

	if (fw_rule_delete_text(way->flows->fw, rule, cure))
		problem_next(p, "%s; or let it skip mark 0x%x and what leaves by lo", cure,
			     way->view->config.mark);
	else
		problem_next(p, "let that rule skip mark 0x%x and what leaves by lo",
			     way->view->config.mark);
}

/* ---- what rules do to them ---------------------------------------------- */

static bool has_bit(const struct fw_packet *packet, __u32 bit)
{
	return (fw_known_bits(packet, FW_MARK) & bit) && (fw_known_value(packet, FW_MARK) & bit);
}

static void find_mark_loss(const struct passage *way, const struct fw_visit *visit)
{
	const struct filtered *flows = way->flows;
	const __u32 bit = way->view->config.mark;
	const bool all = fw_known_bits(visit->after, FW_MARK) & bit;
	char where[FW_TEXT_LEN], does[FW_TEXT_LEN];
	struct problem *p;

	if (way->token || !has_bit(visit->before, bit) || has_bit(visit->after, bit))
		return;
	p = filters_problem(flows, problem_add(&flows->c->problems, "own-mark-lost",
					       all ? VERDICT_BROKEN : VERDICT_DEGRADED, "lo",
					       flows->rule->name));
	problem_text(p,
		     "%s takes our mark away from %s packets of own traffic (%s): they leave "
		     "directly, or get no answer",
		     fw_rule_text(flows->fw, visit->rule, where), all ? "all" : "some",
		     fw_mark_text(&visit->rule->mark, does));
	next_is_delete(way, p, visit->rule);
}

static void find_rewriting(const struct passage *way, const struct fw_visit *visit)
{
	const struct filtered *flows = way->flows;
	const bool all = visit->match == FW_ALL;
	char where[FW_TEXT_LEN];
	struct problem *p;

	if (!(visit->rule->effects & FW_DNAT))
		return;
	p = filters_problem(flows, problem_add(&flows->c->problems, "own-rewritten",
					       all ? VERDICT_BROKEN : VERDICT_DEGRADED, "lo",
					       flows->rule->name));
	problem_text(p, "%s rewrites the destination of %s own traffic%s before the proxy gets it",
		     fw_rule_text(flows->fw, visit->rule, where), all ? "all" : "some",
		     visit->rule->effects & FW_REDIRECT ? " (REDIRECT)" : "");
	next_is_delete(way, p, visit->rule);
}

static void look_at(const struct fw_visit *visit, void *arg)
{
	find_mark_loss(arg, visit);
	find_rewriting(arg, visit);
}

/* ---- the way ------------------------------------------------------------ */

static void set_state(struct fw_packet *packet, const struct passage *way)
{
	fw_packet_bits(packet, FW_CTSTATE, way->later ? FW_STATE_ESTABLISHED : FW_STATE_NEW, ~0u);
	if (way->later) {
		packet->fields[FW_TCPFLAGS] = (struct fw_known){ .ranges = NULL };
		fw_packet_bits(packet, FW_CTMARK, 0, 0);
	}
}

/* Of the application, which may have a mark of its own. */
static void set_out(struct fw_packet *packet, const struct passage *way)
{
	const struct tproxy_own *own = &way->view->config;
	const __be32 token4 = htonl(TPROXY_OWN_TOKEN4 | 1);
	__u8 token6[16] = { [15] = 1 };
	const __u8 no = 0;

	packet->fields[FW_IIF] = (struct fw_known){ .ranges = NULL };
	fw_packet_device(packet, FW_OIF, "lo");
	fw_packet_set(packet, FW_TRANSPARENT, &no, sizeof(no));
	fw_packet_bits(packet, FW_MARK, way->token ? 0 : own->mark, own->mark);
	set_state(packet, way);
	if (!way->token)
		return;
	memcpy(token6, own->token6, sizeof(own->token6));
	packet->fields[FW_DADDR] = (struct fw_known){ .ranges = NULL };
	if (packet->family == AF_INET)
		fw_packet_set(packet, FW_DADDR, &token4, sizeof(token4));
	else
		fw_packet_set(packet, FW_DADDR, token6, sizeof(token6));
	fw_packet_bits(packet, FW_DSTTYPE, RTN_LOCAL, ~0u);
}

/* As own_lo leaves it. */
static void set_in(struct fw_packet *packet, const struct passage *way)
{
	fw_packet_device(packet, FW_IIF, "lo");
	fw_packet_bits(packet, FW_MARK, 0, way->view->config.mark);
	set_state(packet, way);
}

/* False, and a problem, if all are dropped. */
static bool passes(const struct passage *way, struct fw_walk *walk, enum fw_hook first,
		   enum fw_hook second)
{
	fw_walk_hook(walk, first);
	if (walk->dropped != FW_ALL)
		fw_walk_hook(walk, second);
	if (walk->unsure && walk->dropped != FW_ALL && !way->flows->c->unchecked)
		checkup_unchecked(way->flows->c, "a rule of packet filters decides by what cannot "
						 "be known, such as NFQUEUE");
	if (walk->dropped == FW_ALL)
		report_drop(way, walk);
	return walk->dropped != FW_ALL;
}

static bool goes_there(struct passage *way)
{
	struct fw_walk walk;

	fw_walk_init(&walk, way->flows->fw, &way->flows->packet);
	walk.visit = look_at;
	walk.arg = way;
	set_out(&walk.packet, way);
	if (!passes(way, &walk, FW_OUTPUT, FW_POSTROUTING))
		return false;
	fw_walk_init(&walk, way->flows->fw, &way->flows->packet);
	set_in(&walk.packet, way);
	fw_walk_hook(&walk, FW_INGRESS);
	return passes(way, &walk, FW_PREROUTING, FW_INPUT);
}

/* To conntrack, what answers a datagram to a token begins a flow of its own. */
static void set_answer(struct fw_packet *packet, const struct passage *way)
{
	const struct fw_known *fields = way->flows->packet.fields;
	const __u8 syn_ack = 0x12;

	fw_packet_init(packet, way->flows->packet.family);
	packet->fields[FW_SADDR] = fields[FW_DADDR];
	packet->fields[FW_DADDR] = fields[FW_SADDR];
	packet->fields[FW_SPORT] = fields[FW_DPORT];
	packet->fields[FW_PROTO] = fields[FW_PROTO];
	if (listening_protocol(way->flows->cls) == IPPROTO_TCP)
		fw_packet_set(packet, FW_TCPFLAGS, &syn_ack, sizeof(syn_ack));
	fw_packet_bits(packet, FW_CTSTATE, way->token ? FW_STATE_NEW : FW_STATE_ESTABLISHED, ~0u);
	fw_packet_bits(packet, FW_DSTTYPE, RTN_LOCAL, ~0u);
}

static bool comes_back(const struct passage *way)
{
	struct fw_walk walk;
	struct fw_packet packet;

	set_answer(&packet, way);
	fw_packet_device(&packet, FW_OIF, "lo");
	fw_walk_init(&walk, way->flows->fw, &packet);
	if (!passes(way, &walk, FW_OUTPUT, FW_POSTROUTING))
		return false;
	packet.fields[FW_OIF] = (struct fw_known){ .ranges = NULL };
	fw_packet_device(&packet, FW_IIF, "lo");
	fw_walk_init(&walk, way->flows->fw, &packet);
	return passes(way, &walk, FW_PREROUTING, FW_INPUT);
}

/* ---- what is known of their addresses ----------------------------------- */

struct own_filters {
	const struct own_checked *view;
	struct fw_range sources[ROUTE_FAMILIES][FILTERS_MAX_RANGES]; /* addresses of this host */
	size_t n[ROUTE_FAMILIES];
};

static size_t family_index(__u8 family)
{
	return family == AF_INET ? 0 : 1;
}

/* The data path leaves alone what comes from loopback. With too many addresses, any is meant. */
static void take_source(struct own_filters *own, const struct addrset_key *key)
{
	struct prefix prefix = { .len = 0 };
	size_t i;

	if (addrset_is_loopback(key))
		return;
	prefix.family = mapped_to(key->addr, prefix.addr);
	prefix.len = prefix.family == AF_INET ? 32 : 128;
	i = family_index(prefix.family);
	if (own->n[i] < FILTERS_MAX_RANGES)
		filters_range(&prefix, &own->sources[i][own->n[i]++]);
}

static int read_sources(struct checkup *c, struct own_filters *own)
{
	struct addrset addresses = { 0 };
	int err = addrset_read(&addresses, &c->session->nl);

	for (size_t i = 0; i < addresses.n && !err; i++)
		take_source(own, &addresses.items[i]);
	addrset_free(&addresses);
	return err;
}

/* Nobody sends to loopback by a proxy. */
static const struct fw_range not_loopback4[] = {
	{ { 0 }, { 126, 255, 255, 255 } },
	{ { 128 }, { 255, 255, 255, 255 } },
};

static void set_addresses(struct filtered *flows, const struct own_filters *own)
{
	const size_t i = family_index(flows->packet.family);
	const struct fw_known *fields = flows->packet.fields;

	if (!fields[FW_SADDR].ranges && own->n[i] && own->n[i] < FILTERS_MAX_RANGES)
		fw_packet_ranges(&flows->packet, FW_SADDR, own->sources[i], own->n[i]);
	if (!fields[FW_DADDR].ranges && flows->packet.family == AF_INET)
		fw_packet_ranges(&flows->packet, FW_DADDR, not_loopback4,
				 ARRAY_SIZE(not_loopback4));
}

/* ---- all ---------------------------------------------------------------- */

static void follow(const struct filtered *all, void *arg)
{
	const struct own_filters *own = arg;
	const struct own_checked *view = own->view;
	struct filtered flows = *all;
	struct passage way = { &flows, view, "the first packets of own traffic", false, false };
	struct passage later = { &flows, view, "own traffic after its first packet", false, true };
	struct passage token = { &flows, view, "datagrams of unconnected sockets", true, false };
	struct passage answer = { &flows, view, "answers of the proxy", false, true };

	set_addresses(&flows, own);
	if (!goes_there(&way) || !goes_there(&later) || !comes_back(&answer) ||
	    listening_protocol(flows.cls) != IPPROTO_UDP || !goes_there(&token))
		return;
	answer.what = "answers to datagrams of unconnected sockets";
	answer.token = true;
	comes_back(&answer);
}

void check_own_filters(struct checkup *c)
{
	struct own_checked view;
	struct own_filters own = { .view = &view };
	int err;

	if (!own_checked_read(c, &view))
		return;
	err = read_sources(c, &own);
	if (err)
		checkup_unchecked(c, "addresses cannot be read: %s", strerror(-err));
	else
		filters_each_own(c, view.lo, follow, &own);
}
