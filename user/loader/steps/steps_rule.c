/* SPDX-License-Identifier: BSD-2-Clause */
/* The steps that concern one routing rule: its place, the move there, the proof. */
#include <string.h>
#include <sys/socket.h>

#include "loader/steps/routing.h"
#include "loader/steps/steps.h"

/* Others may add rules while we look for a place. */
#define PLACE_TRIES 5

static void show_rule(const char *verb, const struct route_rule *rule)
{
	log_step("ip -%c rule %s pref %u iif %s fwmark 0x%x/0x%x lookup %u protocol %u",
		 route_family_digit(rule->family), verb, rule->pref, rule->iif, rule->mark,
		 rule->mask, rule->table, rule->protocol);
}

/* ---- placing ---------------------------------------------------------------- */

static bool is_in_place(const struct route_rule *rule, __u32 pref)
{
	return rule->pref == pref && !route_rule_is_old(rule);
}

static bool has_one_in_place(const struct ruleorder *order, const struct route_key *key, __u32 pref)
{
	for (size_t i = 0; i < order->list.n; i++)
		if (ruleorder_is_ours(order, key, &order->list.items[i]) &&
		    is_in_place(&order->list.items[i], pref))
			return true;
	return false;
}

static int add(struct session *session, __u8 family, const struct ruleorder *order, __u32 pref)
{
	const struct route_key key = steps_route_key(session);
	struct route_rule rule = { .family = family,
				   .protocol = TPROXY_RT_PROTOCOL,
				   .pref = pref,
				   .mark = key.mark,
				   .mask = key.mask,
				   .table = key.table };

	memcpy(rule.iif, order->named.name, sizeof(rule.iif));
	show_rule("add", &rule);
	return session->dry_run ? 0 : route_rule_add(&session->nl, family, &key, rule.iif, pref);
}

/* Never neither: the new one is there before another one goes. */
static int place(struct session *session, __u8 family, const struct ruleorder *order)
{
	const struct route_key key = steps_route_key(session);
	__u32 pref = session->hold_rules && order->there ? order->pref : order->wanted;
	int err = 0;

	if (session->dry_run || !has_one_in_place(order, &key, pref))
		err = add(session, family, order, pref);
	for (size_t i = 0; i < order->list.n && !err && !session->dry_run; i++) {
		const struct route_rule *rule = &order->list.items[i];

		if (!ruleorder_is_ours(order, &key, rule) || is_in_place(rule, pref))
			continue;
		show_rule("del", rule);
		err = route_rule_del_at(&session->nl, rule);
	}
	return err;
}

/* *ret_order is what the kernel has when the rule is in its place. */
static int find_place(struct session *session, __u8 family, const struct device *device,
		      struct ruleorder *ret_order)
{
	int err = ruleorder_read(session, family, device, ret_order);

	for (int i = 0; i < PLACE_TRIES && !err; i++) {
		err = place(session, family, ret_order);
		if (err || session->dry_run)
			return err;
		ruleorder_free(ret_order);
		err = ruleorder_read(session, family, device, ret_order);
		if (err || session->hold_rules || !ruleorder_is_misplaced(ret_order))
			return err;
	}
	return err;
}

/* ---- proof ------------------------------------------------------------------ */

/* A mark that is not delivered here is a bypass. */
static int prove_order(__u8 family, const struct ruleorder *order)
{
	const char *name = order->device.name;
	char text[RULE_TEXT_LEN];

	if (!order->there) {
		log_error("%s: the IPv%c rule vanished after it was added (something else manages "
			  "rules: see ip monitor rule)",
			  name, route_family_digit(family));
		return -ESTALE;
	}
	if (order->earlier == RULE_NEVER)
		return 0;
	rule_text(&order->worst, text);
	if (order->earlier == RULE_ALL) {
		log_error("%s: marked IPv%c packets would not be delivered here: the rule \"%s\" "
			  "decides before ours, and there is no room before it (ip -%c rule del "
			  "pref %u, or add it with a higher one)",
			  name, route_family_digit(family), text, route_family_digit(family),
			  order->worst.pref);
		return -EXDEV;
	}
	log_warn("%s: the IPv%c rule \"%s\" decides about some marked packets before ours, and "
		 "there is no room before it (give it a higher preference)",
		 name, route_family_digit(family), text);
	return 0;
}

static int prove_lookup(struct session *session, __u8 family, const struct ruleorder *order)
{
	const struct route_key key = steps_route_key(session);
	const char *name = order->device.name;
	int err = route_local_present(&session->nl, family, key.table);

	if (err <= 0) {
		log_error("%s: the local IPv%c route %s (see ip monitor route)", name,
			  route_family_digit(family),
			  err ? "cannot be read back" : "vanished after it was added");
		return err ? err : -ESTALE;
	}
	err = route_prove(&session->nl, family, &key, order->named.ifindex, order->device.ifindex);
	if (err == -EAGAIN) {
		log_debug("%s: no IPv%c address to prove the route with", name,
			  route_family_digit(family));
		return 0;
	}
	if (err)
		log_error("%s: a marked IPv%c packet would not be delivered here: %s (see ip -%c "
			  "rule, and ip -%c route show table %u)",
			  name, route_family_digit(family),
			  err == -EXDEV ? "the route look-up says so" : strerror(-err),
			  route_family_digit(family), route_family_digit(family), key.table);
	return err;
}

/* While rules are not moved, an earlier one is no news. */
static int prove(struct session *session, __u8 family, const struct ruleorder *order)
{
	int err = 0;

	if (session->dry_run || (session->hold_rules && order->there))
		return 0;
	err = prove_order(family, order);
	return err ? err : prove_lookup(session, family, order);
}

/* ---- steps ------------------------------------------------------------------ */

int steps_rule_on(struct session *session, __u8 family, const struct device *device)
{
	struct ruleorder order __cleanup_ruleorder = { 0 };
	int err = find_place(session, family, device, &order);

	if (err) {
		log_error("%s: cannot set its IPv%c rule: %s (%s)", device->name,
			  route_family_digit(family), strerror(-err), steps_route_hint(err));
		return err;
	}
	return prove(session, family, &order);
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
