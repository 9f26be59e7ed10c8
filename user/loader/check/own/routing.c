/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is what the programs for own traffic mark, and what they send to token addresses, routed to lo,
 * with a source address that this host has?
 */
#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <string.h>

#include "kernel/routing/own_route.h"
#include "kernel/routing/route.h"
#include "kernel/routing/rules.h"
#include "lib/addrset.h"
#include "lib/mapped.h"
#include "loader/check/list.h"
#include "loader/check/own/checked.h"
#include "loader/steps/routing/steps_route.h"

#define CURE "tproxy-loader attach --local; tproxy-loader watch restores it by itself"

/* One family. */
struct own_routing {
	struct checkup *c;
	const struct tproxy_own *own;
	const struct addrset *addresses; /* of this host */
	const char *lo;
	__u8 family;
	char digit;
};

static struct problem *add(const struct own_routing *r, const char *id, enum verdict verdict)
{
	struct problem *p = problem_add(&r->c->problems, id, verdict, r->lo, NULL);

	problem_concerns(p, r->family == AF_INET ? PROBLEM_IPV4 : PROBLEM_IPV6);
	return p;
}

static void report_unread(const struct own_routing *r, int err)
{
	struct problem *p = add(r, "routing-unknown", VERDICT_DEGRADED);

	problem_text(p, "its IPv%c routing cannot be read: %s", r->digit, strerror(-err));
	problem_next(p, "try again, as root");
}

/* ---- the rule ----------------------------------------------------------- */

static bool is_own_rule(const struct route_rule *rule, const struct tproxy_own *own)
{
	return rule->action == FR_ACT_TO_TBL && !rule->invert && !strcmp(rule->iif, "lo") &&
	       rule->mark == own->mark && rule->mask == own->mark && rule->table == own->table;
}

static void report_earlier(const struct own_routing *r, const struct route_rule *worst, bool all)
{
	struct problem *p = add(r, "own-earlier-rule", all ? VERDICT_BROKEN : VERDICT_DEGRADED);
	char text[RULE_TEXT_LEN];

	problem_text(p,
		     "the IPv%c rule \"%s\" comes before the one for own traffic and decides about "
		     "%s packets that a proxy should get: they may leave directly",
		     r->digit, rule_text(worst, text), all ? "all" : "some");
	if (worst->pref)
		problem_next(p, "tproxy-loader attach --local; it moves ours before it, and "
				"tproxy-loader watch does so by itself");
	else
		problem_next(p, "give it a higher preference: there is no room before it");
}

/* The first of ours counts. */
static void judge_rules(const struct own_routing *r, const struct rule_list *list)
{
	const struct rule_packet packet = { .family = r->family,
					    .mark = r->own->mark,
					    .mask = r->own->mark,
					    .table = r->own->table,
					    .iif = "lo",
					    .own = true };
	const struct route_rule *worst;
	enum rule_match match;
	struct problem *p;
	size_t at = 0;

	while (at < list->n && !is_own_rule(&list->items[at], r->own))
		at++;
	if (at == list->n) {
		p = add(r, "own-rule-missing", VERDICT_BROKEN);
		problem_text(p,
			     "the IPv%c routing rule for own traffic is missing: connections that "
			     "a proxy should get leave directly",
			     r->digit);
		problem_next(p, CURE);
		return;
	}
	worst = rules_worst_before(list, at, &packet, &match);
	if (worst)
		report_earlier(r, worst, match == RULE_ALL);
	else
		checkup_evidence(r->c, "IPv%c rule %u", r->digit, list->items[at].pref);
}

static void check_rule(const struct own_routing *r)
{
	struct rule_list list __cleanup_rules = { 0 };
	int err = rules_read(&r->c->session->nl, r->family, &list);

	if (err)
		report_unread(r, err);
	else
		judge_rules(r, &list);
}

/* ---- the routes --------------------------------------------------------- */

static void report_no_route(const struct own_routing *r, const char *what)
{
	struct problem *p = add(r, "own-route-missing", VERDICT_BROKEN);

	problem_text(p,
		     "%s is missing: what a proxy should get of own traffic "
		     "does not arrive",
		     what);
	problem_next(p, CURE);
}

static void judge_source(const struct own_routing *r, const char *what,
			 const struct own_source *source)
{
	char text[INET6_ADDRSTRLEN] = "";
	struct addrset_key key;
	struct problem *p;

	addrset_key(r->family, source->addr, &key);
	if (source->found && addrset_has(r->addresses, &key))
		return;
	p = add(r, "own-source-gone", VERDICT_DEGRADED);
	inet_ntop(r->family, source->addr, text, sizeof(text));
	if (source->found)
		problem_text(p, "%s names the source %s, which this host does not have any more",
			     what, text);
	else
		problem_text(p,
			     "%s names no source: programs that choose none send from an address "
			     "that is not meant for it",
			     what);
	problem_next(p, CURE);
}

static void check_route(const struct own_routing *r, const char *what,
			const struct own_route *route)
{
	struct own_source source;
	bool there;
	int err = own_route_find(&r->c->session->nl, route, &there, &source);

	if (err)
		report_unread(r, err);
	else if (!there)
		report_no_route(r, what);
	else
		judge_source(r, what, &source);
}

/* Tokens are in the table `local`, which the kernel asks first. */
static void check_routes(const struct own_routing *r)
{
	const struct own_route marked = own_route_marked(r->family, r->own);
	const struct own_route tokens = own_route_tokens(r->family, r->own);
	char what[96];

	snprintf(what, sizeof(what), "the local IPv%c route of table %u", r->digit, r->own->table);
	check_route(r, what, &marked);
	snprintf(what, sizeof(what), "the local IPv%c route of the addresses for datagrams",
		 r->digit);
	check_route(r, what, &tokens);
}

/* Without one there are no routes for the family. */
static bool is_usable(const struct addrset_key *key, __u8 family)
{
	__u8 addr[16];

	return mapped_to(key->addr, addr) == family && own_source_is_usable(family, addr);
}

static bool has_address(const struct addrset *addresses, __u8 family)
{
	for (size_t i = 0; i < addresses->n; i++)
		if (is_usable(&addresses->items[i], family))
			return true;
	return false;
}

void check_own_routing(struct checkup *c)
{
	struct addrset addresses = { 0 };
	struct own_checked view;
	int err;

	if (!own_checked_read(c, &view))
		return;
	err = addrset_read(&addresses, &c->session->nl);
	for (size_t i = 0; i < ROUTE_FAMILIES && !err; i++) {
		const struct own_routing r = { c,
					       &view.config,
					       &addresses,
					       view.lo->device.name,
					       route_families[i],
					       route_family_digit(route_families[i]) };

		if (!steps_family_wanted(r.family, "lo") || !has_address(&addresses, r.family))
			continue;
		check_rule(&r);
		check_routes(&r);
	}
	if (err)
		checkup_unchecked(c, "addresses cannot be read: %s", strerror(-err));
	addrset_free(&addresses);
}
