/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do the rules have the interfaces and flows they name, are they those of the applied file, and do
 * they stay?
 */
#include <string.h>

#include "kernel/maps/confirm_deadline.h"
#include "loader/check/list.h"
#include "loader/edit/changes.h"
#include "policy/cover.h"
#include "policy/scope.h"
#include "policy/shadow/shadow.h"

/* With more, the comparison with the applied file takes longer than all other checks together. */
#define MAX_PREFIXES 50000

/* ---- interfaces --------------------------------------------------------- */

static bool is_attached(const struct checkup *c, const char *ifname)
{
	for (size_t i = 0; i < c->n; i++)
		if ((c->ifaces[i].iface.value.roles & TPROXY_ROLE_POLICY) &&
		    !strcmp((const char *)c->ifaces[i].iface.value.name, ifname))
			return true;
	return false;
}

static void add_uncovered(struct checkup *c, const struct rule *rule, const char *ifname,
			  const char *what)
{
	struct problem *p =
		problem_add(&c->problems, "not-covered", VERDICT_DEGRADED, ifname, rule->name);

	problem_text(p, "the rule names this interface, %s", what);
	problem_next(p, "tproxy-loader attach %s; tproxy-loader watch '%s' follows it", ifname,
		     ifname);
}

static int check_device(const struct device *device, void *arg)
{
	struct checkup *c = arg;
	int instead;

	if (device_refusal(device, &instead) || is_attached(c, device->name))
		return 0;
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct rule *rule = &c->policy.rules[i];

		if (rule->used && rule->interfaces.n &&
		    name_set_matches(&rule->interfaces, device->name))
			add_uncovered(c, rule, device->name,
				      "which is not attached: its flows are not intercepted");
	}
	return 0;
}

/* A glob may wait for its first device; a full name is more likely mistyped. */
static void check_name(struct checkup *c, const struct rule *rule, const char *name)
{
	struct device device;

	if (!strpbrk(name, "*?[\\") && !is_attached(c, name) &&
	    device_by_name(&c->session->nl, name, &device) == -ENODEV)
		add_uncovered(c, rule, name, "and there is no such interface");
}

void check_coverage(struct checkup *c)
{
	bool limited = false;

	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct rule *rule = &c->policy.rules[i];

		for (size_t j = 0; j < rule->interfaces.n && rule->used; j++)
			check_name(c, rule, rule->interfaces.items[j]);
		limited |= rule->used && rule->interfaces.n;
	}
	if (limited && device_walk(&c->session->nl, check_device, c))
		log_debug("interfaces: cannot be listed");
}

/* ---- flows -------------------------------------------------------------- */

static void add_dead(struct checkup *c, const struct rule *rule, const char *why)
{
	struct problem *p =
		problem_add(&c->problems, "never-matches", VERDICT_DEGRADED, NULL, rule->name);

	problem_text(p, "it can never match: %s", why);
	problem_next(p, "tproxy-loader rule del %s; tproxy-loader rule list shows the order",
		     rule->name);
}

void check_rules(struct checkup *c)
{
	struct shadow shadows[TPROXY_MAX_RULES] = { 0 };
	int err = shadow_find(&c->policy, shadows);
	char why[256];

	if (err)
		log_debug("rules that never match: not looked for: %s",
			  err == -E2BIG ? "too many prefixes" : strerror(-err));
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct rule *rule = &c->policy.rules[i];

		if (!rule->used)
			continue;
		if (shadows[i].kind != SHADOW_NONE)
			add_dead(c, rule, shadow_format(&c->policy, &shadows[i], why, sizeof(why)));
		else if (scope_rule_is_dead(rule))
			add_dead(c, rule, "nothing is forwarded to its destinations");
	}
}

/* ---- the file ----------------------------------------------------------- */

void check_drift(struct checkup *c)
{
	struct changes changes = { .indent = "" };
	size_t prefixes = 0;
	struct problem *p;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		prefixes += c->policy.rules[i].to.n + c->policy.rules[i].from.n;
	if (prefixes > MAX_PREFIXES) {
		log_debug("drift: not looked for: too many prefixes (tproxy-loader diff)");
		return;
	}
	if (changes_since_apply(&changes, &c->session->state, &c->policy) || !changes.n)
		return;
	p = problem_add(&c->problems, "drift", VERDICT_DEGRADED, NULL, NULL);
	problem_text(p, "the live policy is not the file that was applied: %zu difference%s",
		     changes.n, changes.n == 1 ? "" : "s");
	problem_next(p, "tproxy-loader diff; then save it as a file, or apply the file again");
}

/* ---- the deadline ------------------------------------------------------- */

void check_confirm(struct checkup *c)
{
	struct confirm_deadline deadline;
	struct problem *p;

	if (!confirm_deadline_read_armed(&c->session->state, &deadline))
		return;
	p = problem_add(&c->problems, "confirm-pending", VERDICT_DEGRADED, NULL, NULL);
	problem_text(p,
		     "generation %u waits to be confirmed: without that the previous policy "
		     "comes back in %llu seconds",
		     deadline.generation, confirm_deadline_seconds_left(&deadline));
	problem_next(p, "tproxy-loader confirm; or tproxy-loader rollback");
}
