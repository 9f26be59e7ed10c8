/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/listeners/users.h"

#include <string.h>

#include "loader/edit/edit.h"
#include "policy/config/config.h"

struct change {
	const char *name;
	struct endpoint proxy;
};

int users_check_rule(struct session *session, const char *name)
{
	struct policy policy __cleanup_policy = { 0 };
	int index, err = policy_maps_read_rules(&session->state, &policy);

	if (err) {
		log_error("%s: cannot read the policy: %s", session->state.dir, strerror(-err));
		return EXIT_FAILED;
	}
	index = policy_find(&policy, name);
	if (index >= 0 && policy.rules[index].action == TPROXY_ACTION_PROXY)
		return EXIT_DONE;
	if (index < 0)
		log_error("rule %s: no such rule (tproxy-loader rule add %s ...)", name, name);
	else
		log_error("rule %s: its action is not proxy, so it has no proxy", name);
	return EXIT_FAILED;
}

void users_remark(struct session *session, const struct endpoint *proxy)
{
	struct policy policy __cleanup_policy = { 0 };
	char text[PROXY_TEXT_LEN];

	if (policy_maps_read_rules(&session->state, &policy))
		return;
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (rule_is_proxy(&policy.rules[i]) &&
		    endpoint_equal(&policy.rules[i].proxy, proxy))
			return;
	proxy_format(proxy, text);
	log_info("no rule gives it flows yet (tproxy-loader rule add NAME --proxy %s ..., or adopt "
		 "with --rule)",
		 text);
}

static int set_proxy(struct policy *policy, void *arg)
{
	const struct change *change = arg;
	int index = policy_find(policy, change->name);

	if (index < 0) {
		log_error("rule %s: no such rule any more", change->name);
		return index;
	}
	policy->rules[index].proxy = change->proxy;
	return 0;
}

int users_edit_rule(struct app *app, const char *name, const struct endpoint *proxy, bool dry_run)
{
	struct change change = { name, *proxy };
	struct edit edit = {
		.app = app, .learn = CONFIG_LEARN_DEFAULT_S, .change = set_proxy, .arg = &change
	};
	char text[PROXY_TEXT_LEN];

	log_step("rule %s: proxy = %s", name, proxy_format(proxy, text));
	return dry_run ? EXIT_DONE : edit_run(&edit);
}
