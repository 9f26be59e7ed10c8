/* SPDX-License-Identifier: BSD-2-Clause */
/* The rule of an attach: what its options make of the policy. */
#include <string.h>

#include "loader/attach.h"
#include "loader/caveat.h"
#include "loader/learn.h"

int attach_plan_policy(struct attach *a)
{
	const struct rule_options *wanted = &a->request->rule;
	int index, err = policy_copy(&a->before, &a->after);

	if (a->request->has_unreadable)
		a->after.unreadable = a->request->unreadable;
	if (err || !wanted->any)
		return err;
	index = policy_find(&a->after, policy_default_rule);
	if (index >= 0)
		return rule_options_extend(wanted, &a->after.rules[index]);
	index = policy_append_index(&a->after);
	if (index < 0)
		return index;
	return rule_options_create(wanted, policy_default_rule, TPROXY_ACTION_PROXY,
				   &a->after.rules[index]);
}

static void describe_rule(const struct rule *rule)
{
	char text[PREFIX_TEXT_LEN], proxy[PROXY_TEXT_LEN];
	char services[256] = "", to[512] = "";
	size_t len = 0;

	for (size_t i = 0; i < rule->services.n && len < sizeof(services); i++)
		len += (size_t)snprintf(services + len, sizeof(services) - len, " %s",
					service_format(&rule->services.items[i], text));
	len = 0;
	for (size_t i = 0; i < rule->to.n && len < sizeof(to); i++)
		len += (size_t)snprintf(to + len, sizeof(to) - len, " %s",
					prefix_format(&rule->to.items[i], text));
	log_step("rule %s:%s to%s: %s %s, on-down %s%s", rule->name, services,
		 prefix_set_is_all(&rule->to) ? " all" : to, policy_action_names[rule->action],
		 rule->action == TPROXY_ACTION_PROXY ? proxy_format(&rule->proxy, proxy) : "",
		 policy_on_down_names[rule->on_down],
		 rule->unrouted == TPROXY_UNROUTED_PROXY ? ", unrouted proxy" : "");
}

/* While the old policy is in force, and nothing yet on the new interfaces. */
void attach_learn(struct attach *a)
{
	struct device new[ATTACH_MAX_IFACES];
	const struct learn learn = { .before = &a->before,
				     .after = &a->after,
				     .seconds = a->request->learn,
				     .new = new,
				     .n_new = a->request->divert_only ? 0 : a->n };

	for (size_t i = 0; i < a->n; i++)
		new[i] = a->targets[i].device;
	learn_flows(a->session, &learn);
}

int attach_change_policy(struct attach *a)
{
	int index, err, changes = live_policy_differs(&a->before, &a->after);

	if (changes < 0)
		log_error("rule %s: %s", policy_default_rule, strerror(-changes));
	if (changes <= 0)
		return changes;
	if (a->before.unreadable != a->after.unreadable)
		log_step("unreadable packets: %s", policy_unreadable_names[a->after.unreadable]);
	index = policy_find(&a->after, policy_default_rule);
	if (index >= 0 && a->request->rule.any) {
		describe_rule(&a->after.rules[index]);
		caveat_destinations(&a->after.rules[index], &a->request->rule.rule.to);
	}
	if (a->session->dry_run)
		return 0;
	a->policy_changed = true;
	err = live_change_policy(&a->session->state, &a->before, &a->after);
	if (err)
		log_error("rule %s: cannot write the maps: %s", policy_default_rule,
			  strerror(-err));
	return err;
}
