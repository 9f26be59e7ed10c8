/* SPDX-License-Identifier: BSD-2-Clause */
/* The steps for one routing rule: its place, the move there, the proof. */
#include <string.h>
#include <sys/socket.h>

#include "loader/steps/routing/routing.h"
#include "loader/steps/routing/steps_route.h"

/* Other programs may add rules while we look for a place. */
#define PLACE_TRIES 5

static void show_rule(const char *verb, const struct route_rule *rule)
{
	log_step("ip -%c rule %s pref %u iif %s fwmark 0x%x/0x%x lookup %u protocol %u",
		 route_family_digit(rule->family), verb, rule->pref, rule->iif, rule->mark,
		 rule->mask, rule->table, rule->protocol);
}

/* ---- placing ------------------------------------------------------------ */

static bool is_in_place(const struct route_rule *rule, __u32 pref)
{
	return rule->pref == pref && !route_rule_is_old(rule);
}

static bool has_one_in_place(const struct routing *r, __u32 pref)
{
	for (size_t i = 0; i < r->rules.n; i++)
		if (routing_rule_is_ours(r, &r->rules.items[i]) &&
		    is_in_place(&r->rules.items[i], pref))
			return true;
	return false;
}

static int add(struct session *session, const struct routing *r, __u32 pref)
{
	struct route_rule rule = { .family = r->family,
				   .protocol = TPROXY_RT_PROTOCOL,
				   .pref = pref,
				   .mark = r->key.mark,
				   .mask = r->key.mask,
				   .table = r->key.table };

	memcpy(rule.iif, r->named.name, sizeof(rule.iif));
	show_rule("add", &rule);
	return session->dry_run ? 0 :
				  route_rule_add(&session->nl, r->family, &r->key, rule.iif, pref);
}

/* Without a gap: the new rule is there before another one of ours goes. */
static int place(struct session *session, const struct routing *r)
{
	__u32 pref = session->hold_rules && r->rule ? r->pref : r->wanted;
	int err = 0;

	if (session->dry_run || !has_one_in_place(r, pref))
		err = add(session, r, pref);
	for (size_t i = 0; i < r->rules.n && !err && !session->dry_run; i++) {
		const struct route_rule *rule = &r->rules.items[i];

		if (!routing_rule_is_ours(r, rule) || is_in_place(rule, pref))
			continue;
		show_rule("del", rule);
		err = route_rule_del_at(&session->nl, rule);
	}
	return err;
}

/* *ret_routing: the rules and routes of the kernel after the rule is in its place. */
static int find_place(struct session *session, __u8 family, const struct device *device,
		      struct routing *ret_routing)
{
	int err = routing_read(session, family, device, ret_routing);

	for (int i = 0; i < PLACE_TRIES && !err; i++) {
		err = place(session, ret_routing);
		if (err || session->dry_run)
			return err;
		routing_free(ret_routing);
		err = routing_read(session, family, device, ret_routing);
		if (err || session->hold_rules || !routing_is_misplaced(ret_routing))
			return err;
	}
	return err;
}

/* ---- proof -------------------------------------------------------------- */

/* A marked packet that is not delivered here bypasses the proxy. */
static int prove_order(const struct routing *r)
{
	const char digit = route_family_digit(r->family);
	const char *name = r->device.name;
	char text[RULE_TEXT_LEN];

	if (!r->rule) {
		log_error("%s: the IPv%c rule vanished after it was added (another program manages "
			  "rules: see ip monitor rule)",
			  name, digit);
		return -ESTALE;
	}
	if (r->earlier == RULE_NEVER)
		return 0;
	rule_text(&r->worst, text);
	if (r->earlier == RULE_ALL) {
		log_error("%s: marked IPv%c packets would not be delivered here: the rule \"%s\" "
			  "decides before ours, and there is no room before it (ip -%c rule del "
			  "pref %u, or add it with a higher one)",
			  name, digit, text, digit, r->worst.pref);
		return -EXDEV;
	}
	log_warn("%s: the IPv%c rule \"%s\" decides about some marked packets before ours, and "
		 "there is no room before it (give it a higher preference)",
		 name, digit, text);
	return 0;
}

static int prove_lookup(struct session *session, const struct routing *r)
{
	const char digit = route_family_digit(r->family);
	const char *name = r->device.name;
	int err;

	if (!r->route) {
		log_error("%s: the local IPv%c route vanished after it was added (see ip monitor "
			  "route)",
			  name, digit);
		return -ESTALE;
	}
	err = route_prove(&session->nl, r->family, &r->key, r->named.ifindex, r->device.ifindex);
	if (err == -EAGAIN) {
		log_debug("%s: no IPv%c address to prove the route with", name, digit);
		return 0;
	}
	if (err)
		log_error("%s: a marked IPv%c packet would not be delivered here: %s (see ip -%c "
			  "rule, and ip -%c route show table %u)",
			  name, digit, err == -EXDEV ? "the route look-up says so" : strerror(-err),
			  digit, digit, r->key.table);
	return err;
}

/* While rules are not moved, an earlier one is known already. */
static int prove(struct session *session, const struct routing *r)
{
	int err = 0;

	if (session->dry_run || (session->hold_rules && r->rule))
		return 0;
	err = prove_order(r);
	return err ? err : prove_lookup(session, r);
}

/* ---- steps -------------------------------------------------------------- */

int steps_rule_on(struct session *session, __u8 family, const struct device *device)
{
	struct routing routing __cleanup_routing = { 0 };
	int err = find_place(session, family, device, &routing);

	if (err) {
		log_error("%s: cannot set its IPv%c rule: %s (%s)", device->name,
			  route_family_digit(family), strerror(-err), steps_route_hint(err));
		return err;
	}
	return prove(session, &routing);
}

int steps_rule_off(struct session *session, const struct route_rule *rule)
{
	int err;

	show_rule("del", rule);
	err = session->dry_run ? 0 : route_rule_del_at(&session->nl, rule);
	if (err)
		log_error("%s: cannot remove the IPv%c rule: %s (try again)", rule->iif,
			  route_family_digit(rule->family), strerror(-err));
	return err;
}
