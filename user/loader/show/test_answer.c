/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/show/test_answer.h"

#include <string.h>

#include "loader/show/show.h"

static const char *const meanings[SIMULATE_MAX] = {
	[SIMULATE_NONE] = "no rule concerns it: left alone",
	[SIMULATE_PROXY] = "to the proxy's listener",
	[SIMULATE_PASS] = "left alone",
	[SIMULATE_DROP] = "dropped",
	[SIMULATE_RESET] = "refused with a reset or ICMP error",
	[SIMULATE_LOCAL] = "addressed to this host: left alone",
	[SIMULATE_POOL] = "an address of a pool: tproxy-relay takes it to the server",
	[SIMULATE_OWNED] = "a socket here owns it, or is bound to its destination: delivered here",
	[SIMULATE_OLDER] = "it began before the rule: left alone until it is idle for a minute",
	[SIMULATE_AUDIT] = "forwarded, counted and logged",
	[SIMULATE_UNROUTED] = "there is no route to its destination: left to the kernel",
};

static const char *const reason_names[OWN_REASON_MAX] = {
	[OWN_REASON_RULES] = "rules",
	[OWN_REASON_OWNER] = "owner",
	[OWN_REASON_EXCLUDED] = "excluded",
	[OWN_REASON_PROXY] = "proxy",
};
static const char *const reason_meanings[OWN_REASON_MAX] = {
	[OWN_REASON_OWNER] = "is for other users, groups or cgroups: left alone",
	[OWN_REASON_EXCLUDED] = "would take it, but its sender is in a cgroup that is left alone",
	[OWN_REASON_PROXY] =
		"would take it, but its sender is a proxy, or was started by one: left alone",
};

static bool is_kept_here(const struct test_answer *answer)
{
	switch (answer->simulation.verdict) {
	case SIMULATE_PROXY:
	case SIMULATE_POOL:
	case SIMULATE_OWNED:
		return true;
	default:
		return false;
	}
}

static bool arrives(const struct test_answer *answer)
{
	return is_kept_here(answer) && problems_verdict(&answer->problems) != VERDICT_BROKEN;
}

static bool is_for_proxy(const struct test_answer *answer)
{
	return answer->simulation.rule >= 0 && answer->rule.action == TPROXY_ACTION_PROXY;
}

static int exit_code_of(const struct test_answer *answer)
{
	static const int codes[VERDICT_MAX] = {
		[VERDICT_OK] = EXIT_DONE,
		[VERDICT_DEGRADED] = EXIT_REMARKS,
		[VERDICT_BROKEN] = EXIT_BROKEN,
	};
	const struct simulate_result *r = &answer->simulation;

	/* A file does not say whether there is a listener. */
	if (is_kept_here(answer) || (answer->policy_only && r->no_listener))
		return codes[problems_verdict(&answer->problems)];
	if (r->verdict != SIMULATE_DROP && r->verdict != SIMULATE_RESET)
		return EXIT_PASSES;
	return r->no_listener ? EXIT_BROKEN : EXIT_DROPPED;
}

/* ---- problems ----------------------------------------------------------- */

static bool concerns(const struct problem *p, const struct test_answer *answer, __u8 cls)
{
	if (*p->ifname && strcmp(p->ifname, answer->ifname))
		return false;
	if (*p->rule && (answer->simulation.rule < 0 || strcmp(p->rule, answer->rule.name)))
		return false;
	return !p->classes || (p->classes & cls);
}

void test_answer_take(struct test_answer *answer, struct problems *all, __u8 cls)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		if (concerns(&all->items[i], answer, cls))
			all->items[n++] = all->items[i];
	all->n = n;
	answer->problems = *all;
	*all = (struct problems)PROBLEMS_NONE;
}

/* ---- text --------------------------------------------------------------- */

static void print_text(const struct test_answer *answer)
{
	const struct simulate_result *r = &answer->simulation;
	char proxy[PROXY_TEXT_LEN];

	printf("in %s: ", answer->ifname);
	if (!answer->policy_only && !answer->attached) {
		printf("it is not attached: left alone\n");
		return;
	}
	if (answer->own && answer->reason != OWN_REASON_RULES) {
		printf("rule %s %s\n", answer->rule.name, reason_meanings[answer->reason]);
		return;
	}
	if (r->rule >= 0)
		printf("rule %d %s: ", r->rule, answer->rule.name);
	if (is_for_proxy(answer))
		printf("proxy %s: ", proxy_format(&answer->rule.proxy, proxy));
	printf("%s%s%s\n", r->no_listener ? "there is no listener: " : "", meanings[r->verdict],
	       is_kept_here(answer) && !arrives(answer) ? ", but it does not arrive" : "");
	problems_print(&answer->problems);
}

/* ---- JSON --------------------------------------------------------------- */

static int print_json(const struct test_answer *answer)
{
	const struct simulate_result *r = &answer->simulation;
	struct json_object *root = show_json_root(), *name = NULL, *index = NULL, *to = NULL;
	const bool for_proxy = is_for_proxy(answer);
	char proxy[PROXY_TEXT_LEN];

	if (r->rule >= 0) {
		name = json_object_new_string(answer->rule.name);
		index = json_object_new_int(r->rule);
	}
	if (for_proxy)
		to = json_object_new_string(proxy_format(&answer->rule.proxy, proxy));
	json_object_object_add(root, "interface", json_object_new_string(answer->ifname));
	json_object_object_add(root, "verdict",
			       json_object_new_string(simulate_verdict_names[r->verdict]));
	json_object_object_add(root, "rule", name);
	json_object_object_add(root, "rule_index", index);
	json_object_object_add(root, "proxy", to);
	if (for_proxy)
		json_object_object_add(root, "listener", json_object_new_boolean(!r->no_listener));
	if (answer->own)
		json_object_object_add(root, "reason",
				       json_object_new_string(reason_names[answer->reason]));
	if (!answer->policy_only) {
		json_object_object_add(root, "attached", json_object_new_boolean(answer->attached));
		json_object_object_add(root, "arrives", json_object_new_boolean(arrives(answer)));
		json_object_object_add(root, "problems", problems_json(&answer->problems));
	}
	return show_json_print(root);
}

int test_answer_print(const struct test_answer *answer, bool json)
{
	int code = EXIT_DONE;

	if (json)
		code = print_json(answer);
	else
		print_text(answer);
	return code ? code : exit_code_of(answer);
}

void test_answer_free(struct test_answer *answer)
{
	problems_free(&answer->problems);
}
