/* SPDX-License-Identifier: BSD-2-Clause */
/* rule list, rule add NAME, rule del NAME. Must not know how a policy is written. */
#include <string.h>

#include "loader/commands.h"
#include "loader/edit/caveat.h"
#include "loader/edit/edit.h"
#include "loader/edit/ruleopts.h"
#include "loader/show/show.h"
#include "loader/steps/learn.h"
#include "loader/steps/session_open.h"

enum { OPT_BEFORE = 3000 };

static const struct option options[] = {
	RULE_LONG_OPTIONS,
	{ "action", required_argument, NULL, OPT_ACTION },
	{ "interface", required_argument, NULL, OPT_INTERFACE },
	{ "local", optional_argument, NULL, OPT_LOCAL },
	{ "cgroup", required_argument, NULL, OPT_CGROUP },
	{ "before", required_argument, NULL, OPT_BEFORE },
	{ "show-bpftool", no_argument, NULL, OPT_SHOW_BPFTOOL },
	LEARN_LONG_OPTION,
	APP_LONG_OPTIONS,
};

struct request {
	const char *verb, *name, *before;
	struct rule_options rule;
	bool show_bpftool;
	unsigned int learn; /* seconds */
};

static int rule_list(struct app *app)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	struct policy policy __cleanup_policy = { 0 };
	struct json_object *root;
	int code, err;

	if (!app_enter(app))
		return EXIT_FAILED;
	code = session_open_to_read(&session, app);
	if (code)
		return code;
	err = policy_maps_read(&session.state, &policy);
	if (err) {
		log_error("%s: cannot read the policy: %s", session.state.dir, strerror(-err));
		return EXIT_FAILED;
	}
	if (!app->json) {
		show_rules_text(&session.state, &policy, "");
		return EXIT_DONE;
	}
	root = show_json_root();
	json_object_object_add(root, "rules", show_rules_json(&session.state, &policy));
	return show_json_print(root);
}

/* Frees a number for the new rule and returns it; negative after a reported error. */
static int place_rule(struct policy *policy, const struct request *request)
{
	int index, err = 0;

	if (!request->before) {
		index = policy_append_index(policy);
		if (index < 0)
			log_error("rule %s: rule 63 is the last number (delete rules at the end)",
				  request->name);
		return index;
	}
	index = policy_find(policy, request->before);
	if (index < 0) {
		log_error("--before %s: no such rule (tproxy-loader rule list)", request->before);
		return index;
	}
	err = policy_make_room(policy, index);
	if (err)
		log_error("rule %s: all 64 rules are in use (delete one)", request->name);
	return err ? err : index;
}

static int add_rule(struct policy *policy, void *arg)
{
	const struct request *request = arg;
	int err, index;

	if (policy_find(policy, request->name) >= 0) {
		log_error("rule %s: exists already (cidr add and port add extend it)",
			  request->name);
		return -EEXIST;
	}
	index = place_rule(policy, request);
	if (index < 0)
		return index;
	err = rule_options_create(&request->rule, request->name, TPROXY_ACTION_PROXY,
				  &policy->rules[index]);
	if (err)
		log_error("rule %s: %s", request->name, strerror(-err));
	else
		caveat_destinations(&policy->rules[index], &request->rule.rule.to);
	return err;
}

static int del_rule(struct policy *policy, void *arg)
{
	const struct request *request = arg;
	int index = policy_find(policy, request->name);

	if (index < 0) {
		log_error("rule %s: no such rule (tproxy-loader rule list)", request->name);
		return index;
	}
	rule_free(&policy->rules[index]);
	return 0;
}

static int take_operand(struct request *request, const char *operand)
{
	if (!request->verb)
		request->verb = operand;
	else if (!request->name)
		request->name = operand;
	else
		return app_usage_error("rule: unexpected argument %s", operand);
	return EXIT_DONE;
}

static int take_option(struct request *request, int opt, const char *value)
{
	switch (opt) {
	case OPT_BEFORE:
		request->before = value;
		return 0;
	case OPT_SHOW_BPFTOOL:
		request->show_bpftool = true;
		return 0;
	case OPT_LEARN:
		return learn_take_seconds(value, &request->learn);
	default:
		return rule_options_take(&request->rule, opt, value);
	}
}

static int parse_request(struct app *app, int argc, char **argv, struct request *request)
{
	const char *operand;
	int opt;

	while ((opt = app_next(app, argc, argv, options, &operand)) != -1) {
		if (opt == '?')
			return EXIT_USAGE;
		if (opt ? take_option(request, opt, optarg) : take_operand(request, operand))
			return EXIT_USAGE;
	}
	return rule_options_finish(&request->rule) ? EXIT_USAGE : EXIT_DONE;
}

static int run(struct app *app, struct request *request)
{
	struct edit edit = { .app = app,
			     .show_bpftool = request->show_bpftool,
			     .learn = request->learn,
			     .renumbers = request->before != NULL,
			     .arg = request };
	const char *verb = request->verb;

	if (!verb || !strcmp(verb, "list")) {
		if (request->name || request->rule.any || request->show_bpftool)
			return app_usage_error("rule list: takes no arguments");
		return rule_list(app);
	}
	if (strcmp(verb, "add") && strcmp(verb, "del"))
		return app_usage_error("rule %s: unknown verb (list, add or del)", verb);
	if (!request->name)
		return app_usage_error("rule %s: which rule? (rule %s NAME)", verb, verb);
	if (!policy_name_is_valid(request->name))
		return app_usage_error("rule name %s: use letters, digits, - _ . (at most %d)",
				       request->name, TPROXY_NAME_LEN - 1);
	if (!strcmp(verb, "del") && (request->rule.any || request->before))
		return app_usage_error("rule del: takes no rule options");
	edit.change = !strcmp(verb, "add") ? add_rule : del_rule;
	return edit_run(&edit);
}

int cmd_rule(struct app *app, int argc, char **argv)
{
	struct request request = { .learn = CONFIG_LEARN_DEFAULT_S };
	int code = parse_request(app, argc, argv, &request);

	if (!code)
		code = run(app, &request);
	rule_options_free(&request.rule);
	return code;
}
