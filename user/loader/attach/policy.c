/* SPDX-License-Identifier: BSD-2-Clause */
/* The policy that an attach makes: planned from its options, described, written. */
#include <string.h>

#include "kernel/events/report.h"
#include "loader/attach/attach.h"
#include "loader/edit/caveat.h"
#include "loader/steps/learn.h"
#include "loader/steps/own/own_alone.h"

int attach_plan_policy(struct attach *a)
{
	int err = policy_copy(&a->before, &a->after);

	a->rule = a->limited = -1;
	if (err) {
		log_error("policy: %s", strerror(-err));
		return err;
	}
	if (a->request->has_unreadable)
		a->after.unreadable = a->request->unreadable;
	return a->request->rule.any ? attach_place_options(a) : 0;
}

static void name_list(const struct name_set *set, char *buf, size_t size)
{
	size_t len = 0;

	*buf = '\0';
	for (size_t i = 0; i < set->n && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, " %s", set->items[i]);
}

static void describe_limit(const struct rule *rule)
{
	char names[256];

	name_list(&rule->interfaces, names, sizeof(names));
	log_step("rule %s: for%s only, as until now", rule->name, names);
}

static void describe_rule(const struct rule *rule)
{
	char text[PREFIX_TEXT_LEN], proxy[PROXY_TEXT_LEN];
	char services[256] = "", to[512] = "", names[256], own[256];
	size_t len = 0;

	name_list(&rule->interfaces, names, sizeof(names));
	for (size_t i = 0; i < rule->services.n && len < sizeof(services); i++)
		len += (size_t)snprintf(services + len, sizeof(services) - len, " %s",
					service_format(&rule->services.items[i], text));
	len = 0;
	for (size_t i = 0; i < rule->to.n && len < sizeof(to); i++)
		len += (size_t)snprintf(to + len, sizeof(to) - len, " %s",
					prefix_format(&rule->to.items[i], text));
	own_format(rule, own, sizeof(own));
	log_step("rule %s%s%s%s%s:%s to%s: %s %s, on-proxy-down %s%s", rule->name,
		 *names ? " on" : "", names, *own ? ", " : "", own, services,
		 prefix_set_is_all(&rule->to) ? " all" : to, policy_action_names[rule->action],
		 rule->action == TPROXY_ACTION_PROXY ? proxy_format(&rule->proxy, proxy) : "",
		 policy_on_down_names[rule->on_down],
		 rule->unrouted == TPROXY_UNROUTED_PROXY ? ", unrouted proxy" : "");
}

/* The old policy is in force, and nothing is on the new interfaces yet. */
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
	int err, changes = policy_maps_differ(&a->before, &a->after);

	if (changes < 0)
		log_error("policy: %s", strerror(-changes));
	if (changes <= 0)
		return changes;
	if (a->before.unreadable != a->after.unreadable)
		log_step("unreadable packets: %s", policy_unreadable_names[a->after.unreadable]);
	if (a->limited >= 0)
		describe_limit(&a->after.rules[a->limited]);
	if (a->rule >= 0) {
		describe_rule(&a->after.rules[a->rule]);
		caveat_destinations(&a->after.rules[a->rule], &a->request->rule.rule.to);
	}
	if (a->session->dry_run)
		return 0;
	a->policy_changed = true;
	err = policy_maps_change(&a->session->state, &a->before, &a->after);
	if (err)
		log_error("policy: cannot write the maps: %s (the old rules remain)",
			  strerror(-err));
	if (err || !policy_maps_differ(&a->before, &a->after))
		return err;
	event_report_policy(&a->session->state, TPROXY_EVENT_POLICY, "attach");
	own_leave_proxies_alone(&a->session->state, NULL);
	return 0;
}
